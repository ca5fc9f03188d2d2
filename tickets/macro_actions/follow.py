"""Macros that let somebody follow the ticket."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import MacroAction
from tickets.services.follow_ticket import follow_ticket


class Follow(MacroAction):
    """Let whoever applies the macro follow the ticket."""

    key = "follow"
    label = gettext_lazy("Follow")
    icon = "bookmark"
    order = 80
    permission = "tickets.view"

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Follow the ticket"."""
        return _("Follow the ticket")

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Follow it; does nothing for who follows already."""
        follow_ticket(ticket=ticket, by=by)
