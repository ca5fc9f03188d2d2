"""What a telephone inbox asks for."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.phone_lines import DIAL, line_key

MOST_LINES = 200


class PhoneForm(forms.Form):
    """The telephone system, whose line is whose, and how a number is dialled from a page."""

    system = forms.ChoiceField(
        label=gettext_lazy("Telephone system"),
        choices=[
            ("twilio", gettext_lazy("Twilio Voice")),
            ("cti", gettext_lazy("Another one, by webhook (signed JSON)")),
        ],
    )
    account_sid = forms.CharField(label=gettext_lazy("Twilio: account SID"), max_length=34, required=False)
    auth_token = forms.CharField(
        label=gettext_lazy("Twilio: auth token"),
        max_length=64,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy("Stored encrypted. It proves who calls us, and opens recordings to us."),
    )
    takes_calls = forms.BooleanField(
        label=gettext_lazy("Twilio: ring the numbers below, then take a message"),
        required=False,
        help_text=gettext_lazy(
            "When the address of this inbox is the number's own webhook. Else it only hears of calls."
        ),
    )
    greeting = forms.CharField(
        label=gettext_lazy("Twilio: what callers hear before they leave a message"),
        max_length=400,
        required=False,
        initial=gettext_lazy("Nobody can answer right now. Please leave a message after the tone."),
        widget=forms.Textarea({"rows": 2}),
    )
    signing_secret = forms.CharField(
        label=gettext_lazy("Other system: signing secret"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "At least 20 characters, the same as in the telephone system. Stored encrypted."
        ),
    )
    lines = forms.CharField(
        label=gettext_lazy("Lines of colleagues"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea({"rows": 4, "placeholder": "201 = priya@example.com"}),
        help_text=gettext_lazy(
            "One per line: extension or number = mail address of the colleague. Calls appear on the screen of whoever rings."
        ),
    )
    dial_url = forms.CharField(
        label=gettext_lazy("Address that dials a number"),
        max_length=300,
        required=False,
        initial=DIAL,
        help_text=gettext_lazy(
            "{number} stands for the number. Empty: the program that this device uses for calls."
        ),
    )

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Show stored lines as they are typed."""
        stored = super().get_initial_for_field(field, field_name)
        if field_name != "lines" or not isinstance(stored, dict):
            return stored
        return "\n".join(f"{line} = {email}" for line, email in stored.items())

    def clean_lines(self) -> dict[str, str]:
        """Return the mail address by line."""
        found: dict[str, str] = {}
        for row in str(self.cleaned_data["lines"]).splitlines():
            if not row.strip():
                continue
            line, _sign, email = (part.strip() for part in row.partition("="))
            key = line_key(line)
            try:
                validate_email(email)
            except ValidationError:
                key = ""
            if not key:
                raise ValidationError(
                    _("“%s” is not of the form: extension or number = mail address.") % row.strip()
                )
            found[key] = email.lower()
        if len(found) > MOST_LINES:
            raise ValidationError(_("At most %d lines.") % MOST_LINES)
        return found

    def clean_dial_url(self) -> str:
        """Only addresses that open a program or a page, with a place for the number."""
        typed = str(self.cleaned_data["dial_url"]).strip()
        if not typed:
            return ""
        scheme = typed.partition(":")[0].lower()
        if "{number}" not in typed or scheme not in {"tel", "sip", "callto", "https"}:
            raise ValidationError(
                _("Begin with tel:, sip:, callto: or https: and write {number} where the number goes.")
            )
        return typed
