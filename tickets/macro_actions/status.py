"""Macros that change the status."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Status, Ticket
from tickets.registry import MacroAction
from tickets.services.change_status import change_status


class ChangeStatus(MacroAction):
    """Put the ticket into a status."""

    key = "status"
    label = gettext_lazy("Status")
    icon = "circle-check"
    order = 10

    def fields(self) -> dict[str, forms.Field]:
        """The statuses that a person can give."""
        known = Status.objects.filter(is_active=True).exclude(category=Status.Category.NEW)
        return {"status": forms.ChoiceField(label=_("Status"), choices=[(one.pk, one.name) for one in known])}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Set the status to Resolved"."""
        name = Status.objects.filter(pk=values["status"]).values_list("name", flat=True).first()
        return _("Set the status to %s") % (name or values["status"])

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Change it."""
        change_status(ticket=ticket, status=values["status"], by=by)
