"""Live streams of tickets: a viewer hears about the tickets it may see."""

from collections.abc import Collection

from core.live.subjects import LiveSubject
from people.viewer import Viewer
from tickets.models import Call, Ticket


class TicketStream(LiveSubject):
    """Everything that happens on a ticket."""

    key = "ticket"

    def visible_ids(self, viewer: Viewer, ids: Collection[int]) -> set[int]:
        """Return the visible ones."""
        return set(Ticket.objects.visible_to(viewer).filter(pk__in=ids).values_list("pk", flat=True))


class CallStream(LiveSubject):
    """Calls without a ticket and without an account."""

    key = "call"

    def visible_ids(self, viewer: Viewer, ids: Collection[int]) -> set[int]:
        """Return the visible ones."""
        return set(Call.objects.visible_to(viewer).filter(pk__in=ids).values_list("pk", flat=True))
