"""Tickets in the command palette: by number, reference or words of the subject."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.palette import PaletteItem, PaletteSource
from people.viewer import Viewer
from tickets.models import Ticket


class TicketSource(PaletteSource):
    """Tickets, the one with the number first, then the most recently active."""

    key = "tickets"
    label = _("Tickets")
    icon = "inbox"
    order = 10

    def find(self, viewer: Viewer, query: str, limit: int) -> list[PaletteItem]:
        """Return visible tickets whose number or reference is ``query``, or whose subject holds all its words."""
        wanted = Q()
        for word in query.lstrip("#").split():
            wanted &= Q(subject__icontains=word)
        found = Ticket.objects.visible_to(viewer).select_related("account", "status")
        tickets = []
        number = query.lstrip("#")
        if number.isdecimal() and len(number) < 18:
            tickets = list(found.filter(number=int(number)))
        tickets += list(found.filter(reference=query.upper())[:1]) if len(query) == 10 else []
        known = [ticket.pk for ticket in tickets]
        tickets += list(found.filter(wanted).exclude(pk__in=known).order_by("-last_message_at")[:limit])
        return [
            PaletteItem(
                label=f"#{ticket.number} {ticket.subject}",
                url=f"/inbox/{ticket.pk}/",
                sub=" · ".join(
                    part
                    for part in (ticket.account.name if ticket.account else "", ticket.status.name)
                    if part
                ),
            )
            for ticket in tickets[:limit]
        ]
