"""Macros that change the type and the custom fields of tickets."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer, system_viewer
from tickets.custom_fields import parse_value
from tickets.models import CustomField, Ticket, TicketType
from tickets.registry import MacroAction
from tickets.services.change_type import change_type
from tickets.services.set_field_values import set_field_values


class ChangeType(MacroAction):
    """Give the ticket a type."""

    key = "type"
    label = gettext_lazy("Type")
    icon = "category"
    order = 50

    def fields(self) -> dict[str, forms.Field]:
        """The types in use."""
        types = TicketType.objects.filter(is_active=True)
        return {"type": forms.ModelChoiceField(label=_("Type"), queryset=types, empty_label=None)}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Set the type to Incident"."""
        name = TicketType.objects.filter(pk=values["type"]).values_list("name", flat=True).first()
        return _("Set the type to %s") % (name or "?")

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Change it."""
        wanted = TicketType.objects.filter(pk=values["type"], is_active=True).first()
        if wanted is None:
            raise ValidationError({"type": _("This type is not in use any more.")})
        change_type(ticket=ticket, type=wanted, by=by)


class SetField(MacroAction):
    """Fill in a custom field, or empty it."""

    key = "field"
    label = gettext_lazy("Custom field")
    icon = "forms"
    order = 60

    def fields(self) -> dict[str, forms.Field]:
        """Which field, and its value as it is written; several choices have commas between them."""
        known = [(one.key, one.label) for one in CustomField.objects.filter(is_active=True)]
        return {
            "field": forms.ChoiceField(label=_("Field"), choices=known),
            "value": forms.CharField(
                label=_("Value"),
                required=False,
                max_length=500,
                widget=forms.TextInput({"placeholder": _("empty: the field is emptied")}),
            ),
        }

    def clean(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key and the value as the field holds it."""
        key, value = str(values.get("field") or ""), values.get("value")
        field = CustomField.objects.filter(key=key, is_active=True).first()
        if field is None:
            raise ValidationError(_("Custom field: there is no field “%s”.") % key)
        if field.kind == CustomField.Kind.MULTI and isinstance(value, str):
            value = [one.strip() for one in value.split(",") if one.strip()]
        try:
            return {"field": key, "value": parse_value(field, value, system_viewer())}
        except ValidationError as error:
            raise ValidationError(f"{field.label}: {' '.join(error.messages)}") from error

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Set Product to Cloud"."""
        label = CustomField.objects.filter(key=values["field"]).values_list("label", flat=True).first()
        value = values.get("value")
        if value in (None, "", []):
            return _("Empty the field %s") % (label or values["field"])
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown = {"True": _("yes"), "False": _("no")}.get(shown, shown)
        return _("Set %(field)s to %(value)s") % {"field": label or values["field"], "value": shown}

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Write it."""
        set_field_values(ticket=ticket, values={values["field"]: values.get("value")}, by=by)
