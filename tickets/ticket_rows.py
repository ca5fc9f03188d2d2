"""How services take a ticket's row for a change and put it back. Every writer of list columns goes through here."""

from datetime import datetime

from django.utils import timezone

from people.viewer import Viewer
from tickets.models import Ticket, TicketNumber

RANKS = {
    Ticket.Priority.LOW: 0,
    Ticket.Priority.NORMAL: 1,
    Ticket.Priority.HIGH: 2,
    Ticket.Priority.URGENT: 3,
}


def lock_ticket(ticket_id: int, by: Viewer | None = None) -> Ticket:
    """Return the ticket locked until the end of the transaction, with what services read beside it.

    With ``by`` only when the viewer may see it. Raises Ticket.DoesNotExist.
    """
    # Locked alone: PostgreSQL drops a row from a joined query when what it waited for has changed the joined columns.
    Ticket.objects.select_for_update().only("pk").get(pk=ticket_id)
    tickets = Ticket.objects.all() if by is None else Ticket.objects.visible_to(by)
    related = ("status", "account", "contact", "inbox", "team", "assignee", "category")
    ticket: Ticket = tickets.select_related(*related).get(pk=ticket_id)
    return ticket


def save_ticket(ticket: Ticket, *, now: datetime | None = None) -> None:
    """Write a locked ticket back as its next version."""
    ticket.version += 1
    ticket.updated_at = now or timezone.now()
    ticket.save()


def next_number() -> int:
    """Give out the next ticket number; the counter stays locked until the end of the transaction."""
    counter = TicketNumber.objects.select_for_update().get()
    counter.last += 1
    counter.save(update_fields=["last"])
    return counter.last
