"""What a chat inbox asks for. It parses; ``save_inbox`` decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Calendar
from tickets.models import Inbox

MOST_ORIGINS = 50
NEEDED = (
    ("no", gettext_lazy("Do not ask")),
    ("optional", gettext_lazy("Ask")),
    ("required", gettext_lazy("Ask, and insist")),
)
NAMES = (
    ("first", gettext_lazy("First name")),
    ("full", gettext_lazy("Full name")),
    ("none", gettext_lazy("The name of the chat")),
)


@dataclass(frozen=True)
class ChatSettings:
    """The settings of a chat inbox, with the defaults of a new one. ``calendar`` and ``mail_inbox`` are ids."""

    origins: tuple[str, ...] = ()
    title: str = ""
    greeting: str = ""
    colour: str = "#3451c4"
    position: str = "right"
    ask_name: str = "optional"
    ask_email: str = "required"
    consent: str = ""
    only_verified: bool = False
    product_user_ids: bool = False
    agent_names: str = "first"
    takes_files: bool = True
    asks_rating: bool = True
    calendar: int | None = None
    closed_text: str = ""
    mail_inbox: int | None = None
    mail_after_minutes: int = 3
    identity_token: str = field(default="", repr=False)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "ChatSettings":
        """Return the settings in an inbox's ``config``; what is not stored has its default."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in config.items() if name in known}
        return cls(**{**values, "origins": tuple(values.get("origins", ()))})


class OriginsField(forms.CharField):
    """Origins (scheme, host, port), one to a line, as a list."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        """Show one to a line."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """Return the list, without repetitions; raises ValidationError naming the line that is none."""
        found: list[str] = []
        for line in str(value or "").replace(",", "\n").split():
            origin = origin_of(line)
            if not origin:
                raise ValidationError(
                    _("%(line)s is no origin: write it like https://www.example.com.") % {"line": line[:80]}
                )
            if origin not in found:
                found.append(origin)
        if len(found) > MOST_ORIGINS:
            raise ValidationError(_("%d origins at most.") % MOST_ORIGINS)
        return found

    def validate(self, value: Any) -> None:
        """At least one, where one is required."""
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """The list has been looked at."""


def origin_of(address: str) -> str:
    """Return the origin of a web address in lower case, "" for what is none. ``*.`` may stand for subdomains."""
    try:
        parts = urlsplit(address.strip().lower())
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    plain = host.removeprefix("*.")
    if parts.scheme not in {"http", "https"} or not plain or "*" in plain or parts.username is not None:
        return ""
    if not all(char.isalnum() or char in "-.:" for char in plain):
        return ""
    if ":" in host:
        host = f"[{host}]"
    standard = port in {None, 443 if parts.scheme == "https" else 80}
    return f"{parts.scheme}://{host}" + ("" if standard else f":{port}")


class ChatForm(forms.Form):
    """Where the widget is, how it looks, whom it asks what, and what happens when nobody is there."""

    origins = OriginsField(
        label=gettext_lazy("Your web pages"),
        required=False,
        widget=forms.Textarea({"rows": 3, "placeholder": "https://www.example.com"}),
        help_text=gettext_lazy(
            "One origin to a line; https://*.example.com is every subdomain. The chat works nowhere else."
        ),
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=60, required=False)
    greeting = forms.CharField(
        label=gettext_lazy("Greeting"),
        max_length=300,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("The first words that a visitor reads."),
    )
    colour = forms.CharField(
        label=gettext_lazy("Colour"),
        initial="#3451c4",
        widget=forms.TextInput({"type": "color"}),
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z", gettext_lazy("A colour is written like #3451c4."))],
        help_text=gettext_lazy("Text on it is black or white, whichever can be read."),
    )
    position = forms.ChoiceField(
        label=gettext_lazy("Place"),
        choices=[("right", gettext_lazy("Lower right")), ("left", gettext_lazy("Lower left"))],
    )
    ask_name = forms.ChoiceField(label=gettext_lazy("The visitor's name"), choices=NEEDED, initial="optional")
    ask_email = forms.ChoiceField(
        label=gettext_lazy("The visitor's e-mail address"),
        choices=NEEDED,
        initial="required",
        help_text=gettext_lazy("Without it an answer that comes later does not reach the visitor."),
    )
    consent = forms.CharField(
        label=gettext_lazy("Consent"),
        max_length=1000,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("With words here nobody can begin without agreeing to them."),
    )
    only_verified = forms.BooleanField(
        label=gettext_lazy("Only visitors whom the page vouches for"), required=False
    )
    product_user_ids = forms.BooleanField(
        label=gettext_lazy("These user ids are the ones that usage is sent with"),
        required=False,
        help_text=gettext_lazy(
            "Then a visitor is the contact of the same user id. Only for pages of the product itself: who signs here speaks for "
            "all its users."
        ),
    )
    agent_names = forms.ChoiceField(label=gettext_lazy("Visitors see of an agent"), choices=NAMES)
    takes_files = forms.BooleanField(
        label=gettext_lazy("Visitors may send files"), required=False, initial=True
    )
    asks_rating = forms.BooleanField(
        label=gettext_lazy("Ask how it went at the end"), required=False, initial=True
    )
    calendar = forms.ModelChoiceField(
        label=gettext_lazy("Office hours"),
        queryset=Calendar.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Always"),
    )
    closed_text = forms.CharField(
        label=gettext_lazy("Words outside office hours"),
        max_length=300,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )
    mail_inbox = forms.ModelChoiceField(
        label=gettext_lazy("Mails leave from"),
        queryset=Inbox.objects.filter(channel="email", is_active=True).order_by("name"),
        required=False,
        empty_label=gettext_lazy("The installation's own address"),
        help_text=gettext_lazy("For answers that the visitor has not seen in the chat."),
    )
    mail_after_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes until an unseen answer is mailed"),
        initial=3,
        min_value=1,
        max_value=1440,
    )
    renew_identity = forms.BooleanField(
        label=gettext_lazy("Make a new identity key"),
        required=False,
        help_text=gettext_lazy("The present one stops counting at once."),
    )
