"""Tickets in the command palette: what the search finds, in bodies too."""

from django.utils.translation import gettext_lazy as _

from core.palette import PaletteItem, PaletteSource
from people.viewer import Viewer
from tickets.models import Status
from tickets.search import search_tickets


class TicketSource(PaletteSource):
    """Tickets, the best match first."""

    key = "tickets"
    label = _("Tickets")
    icon = "inbox"
    order = 10

    def find(self, viewer: Viewer, query: str, limit: int) -> list[PaletteItem]:
        """Return the tickets that the search finds."""
        found = search_tickets(viewer, query, limit=limit)
        return [
            PaletteItem(
                label=f"#{one.row.number} {one.row.subject}",
                url=one.url,
                sub=" · ".join(
                    part
                    for part in (one.row.account, str(Status.Category(one.row.status_category).label))
                    if part
                ),
            )
            for one in found.tickets
        ]
