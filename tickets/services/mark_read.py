"""Mark a ticket as read."""

from people.viewer import Viewer
from tickets.models import Ticket


def mark_read(*, ticket: Ticket, by: Viewer) -> bool:
    """Take the unread mark off a visible ticket; returns whether it was on. Presence is no event: nothing is recorded."""
    by.require("tickets.view")
    unread = Ticket.objects.visible_to(by).filter(pk=ticket.pk, unread=True)
    return bool(Ticket.objects.filter(pk__in=unread.values("pk")).update(unread=False))
