"""The settings of a web form."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tickets.models import CustomField, TicketType

ASKED = [("required", _("asked, must be answered")), ("optional", _("asked")), ("hidden", _("not asked"))]


class OriginsField(forms.CharField):
    """Origins, one per line; kept as a list."""

    def prepare_value(self, value: Any) -> Any:
        """Show one per line."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value


def own_fields() -> list[tuple[str, str]]:
    """The custom fields that strangers can be asked for, by key. References would tell them what there is."""
    rows = CustomField.objects.filter(is_active=True).exclude(kind=CustomField.Kind.REFERENCE)
    return list(rows.values_list("key", "label"))


class WebFormSettings(forms.Form):
    """What a web form says, asks and demands."""

    title = forms.CharField(label=_("Heading"), max_length=120, initial=_("Contact us"))
    company = forms.CharField(
        label=_("Company"), max_length=80, required=False, help_text=_("Stands at the top of the page.")
    )
    intro = forms.CharField(
        label=_("Introduction"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )
    thanks = forms.CharField(
        label=_("Thanks"),
        max_length=2000,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("What people read after they have sent it."),
    )
    ask_name = forms.ChoiceField(label=_("Name"), choices=ASKED, initial="optional")
    ask_subject = forms.ChoiceField(label=_("Subject"), choices=ASKED, initial="required")
    type = forms.ModelChoiceField(
        label=_("Ticket type"),
        queryset=TicketType.objects.filter(is_active=True),
        required=False,
        empty_label=_("None"),
        help_text=_("Its tickets get it, with its steps. It decides which custom fields there are."),
    )
    fields_shown = forms.MultipleChoiceField(
        label=_("Custom fields"),
        choices=own_fields,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Asked where the ticket type has them and their condition holds for what was filled in so far."
        ),
    )
    required_fields = forms.MultipleChoiceField(
        label=_("Of these, must be answered"),
        choices=own_fields,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    take_files = forms.BooleanField(
        label=_("Files can be attached"),
        required=False,
        initial=True,
        help_text=_("Within the rules for attachments."),
    )
    double_opt_in = forms.BooleanField(
        label=_("The address must be confirmed"),
        required=False,
        initial=True,
        help_text=_(
            "A mail with a link goes to the address; the ticket opens when it is confirmed. Without it a new contact counts as "
            "unverified."
        ),
    )
    skip_known = forms.BooleanField(
        label=_("Not again for an address that was confirmed before"),
        required=False,
        help_text=_("Convenient, but then anybody who knows such an address can write in its name."),
    )
    origins = OriginsField(
        label=_("Websites that may use the form"),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 2, "placeholder": "https://www.example.com"}),
        help_text=_("One per line: they may show it in a frame, and send to it from a form of their own."),
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, initial=settings.LANGUAGE_CODE
    )
    hourly_limit = forms.IntegerField(
        label=_("At most per hour"), min_value=1, max_value=10_000, initial=300,
        help_text=_("More than this within an hour is turned away with a clear message."),
    )  # fmt: skip
    address = forms.EmailField(
        label=_("Sender address"),
        required=False,
        max_length=254,
        help_text=_("Confirmations and answers come from it. Empty: the address of the installation."),
    )
    from_name = forms.CharField(label=_("Sender name"), max_length=80, required=False)
    signature = forms.CharField(
        label=_("Signature"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )
