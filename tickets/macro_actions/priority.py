"""Macros that change the priority."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import MacroAction
from tickets.services.change_priority import change_priority


class ChangePriority(MacroAction):
    """Give the ticket a priority."""

    key = "priority"
    label = gettext_lazy("Priority")
    icon = "flag"
    order = 20

    def fields(self) -> dict[str, forms.Field]:
        """The priorities, most urgent first."""
        return {"priority": forms.ChoiceField(label=_("Priority"), choices=Ticket.Priority.choices[::-1])}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Set the priority to High"."""
        names = dict(Ticket.Priority.choices)
        return _("Set the priority to %s") % names.get(str(values["priority"]), "?")

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Change it."""
        change_priority(ticket=ticket, priority=values["priority"], by=by)
