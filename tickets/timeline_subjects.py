"""How tickets are called on timelines."""

from collections.abc import Collection, Mapping

from django.urls import reverse

from customers.registry import TimelineSubject
from people.viewer import Viewer
from tickets.models import Ticket


class TicketSubject(TimelineSubject):
    """Number and subject."""

    key = "ticket"

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return those that the viewer may see."""
        return {
            ticket.pk: (str(ticket), reverse("inbox-ticket", args=[ticket.pk]))
            for ticket in Ticket.objects.visible_to(viewer).filter(pk__in=ids).only("number", "subject")
        }
