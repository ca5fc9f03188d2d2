"""Macros that put tags on tickets and take them away."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import MacroAction
from tickets.services.change_tags import change_tags
from tickets.tag_names import tag_names


class AddTags(MacroAction):
    """Put tags on the ticket."""

    key = "add_tags"
    label = gettext_lazy("Add tags")
    icon = "tag"
    order = 40

    def fields(self) -> dict[str, forms.Field]:
        """Names with commas between them."""
        return {
            "tags": forms.CharField(
                label=_("Tags"), max_length=400, widget=forms.TextInput({"placeholder": _("refund, vip")})
            )
        }

    def clean(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the names as a list."""
        given = values.get("tags") or ""
        names = tag_names(given if isinstance(given, list | tuple) else str(given).split(","))
        if not names:
            raise ValidationError(_("%s: name at least one tag.") % self.label)
        return {"tags": list(names)}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Add the tags refund, vip"."""
        return _("Add the tags %s") % ", ".join(values["tags"])

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Add them."""
        change_tags(ticket=ticket, add=values["tags"], by=by)


class RemoveTags(AddTags):
    """Take tags away."""

    key = "remove_tags"
    label = gettext_lazy("Remove tags")
    order = 41

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Remove the tags refund, vip"."""
        return _("Remove the tags %s") % ", ".join(values["tags"])

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Remove those that are there."""
        change_tags(ticket=ticket, remove=values["tags"], by=by)
