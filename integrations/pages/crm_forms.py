"""Forms of the pages of CRMs. They parse; the services decide."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.crm.contract import OBJECTS, CrmSystem
from integrations.crm.ours import OURS
from integrations.models import CrmConnection, CrmField
from integrations.services.save_crm_fields import Pair


class CrmForm(forms.Form):
    """A connection; the fields of its credentials come from the system."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    base_url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=300,
        widget=forms.URLInput({"placeholder": "https://", "autocomplete": "off"}),
    )
    creates_missing = forms.BooleanField(
        label=gettext_lazy("Create here what only the CRM has"),
        required=False,
        help_text=gettext_lazy("Without it, records that nobody here is are listed as gaps."),
    )
    filter_field = forms.CharField(
        label=gettext_lazy("Only companies whose field"), max_length=80, required=False
    )
    filter_value = forms.CharField(label=gettext_lazy("has the value"), max_length=120, required=False)
    quota_percent = forms.IntegerField(
        label=gettext_lazy("Share of the CRM's quota, percent"),
        initial=80,
        min_value=1,
        max_value=100,
        help_text=gettext_lazy("Beyond it this connection waits, so that other programs have calls left."),
    )

    def __init__(self, *args: Any, system: CrmSystem, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.system = system
        self.fields["base_url"].help_text = str(system.url_help)
        self.fields["filter_field"].help_text = str(system.filter_help)
        for one in system.credentials:
            widget: forms.Widget = forms.TextInput({"autocomplete": "off"})
            if one.is_secret:
                widget = forms.PasswordInput({"autocomplete": "new-password"})
            help_text = str(one.help_text)
            if one.is_secret and not is_new:
                help_text = _("Stored. Empty: it stays as it is.")
            self.fields[one.name] = forms.CharField(
                label=str(one.label), required=False, max_length=2000, widget=widget, help_text=help_text
            )

    @property
    def fieldsets(self) -> list[tuple[str, list[str]]]:
        """Headings with field names."""
        return [
            (_("Connection"), ["name", "base_url"]),
            (_("Sign-in"), [one.name for one in self.system.credentials]),
            (_("What is read"), ["creates_missing", "filter_field", "filter_value", "quota_percent"]),
        ]

    def clean(self) -> dict[str, Any]:
        """Gather the credentials."""
        data = super().clean() or {}
        data["credentials"] = {one.name: data.pop(one.name, "") for one in self.system.credentials}
        return data

    @staticmethod
    def initial_of(connection: CrmConnection) -> dict[str, Any]:
        """Return what the form shows for a connection; secrets stay where they are."""
        names = ("name", "base_url", "creates_missing", "filter_field", "filter_value", "quota_percent")
        return {name: getattr(connection, name) for name in names}


def pairs_of(posted: Mapping[str, str]) -> list[Pair]:
    """Return the field map of the editor: rows with their field, named ``<object>.<ours>`` and ``owner.<object>.<ours>``."""
    found = []
    for kind in OBJECTS:
        for ours in OURS[kind].fields:
            theirs = posted.get(f"{kind}.{ours}", "").strip()
            if theirs:
                owner = posted.get(f"owner.{kind}.{ours}", "") or CrmField.Owner.CRM
                found.append(Pair(kind, ours, theirs, owner))
    return found
