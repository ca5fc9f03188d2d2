"""Close what has been resolved for longer than the days of grace."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from core.actors import SYSTEM
from tickets.models import Status, Ticket
from tickets.services.change_status import move_to
from tickets.services.receive_message import reopen_days
from tickets.status_rows import status_of
from tickets.ticket_rows import lock_ticket, save_ticket


def close_resolved_tickets(*, limit: int = 200) -> int:
    """Close tickets that no answer of the customer can reopen any more; returns how many."""
    before = timezone.now() - timedelta(days=reopen_days())
    over = Ticket.objects.filter(status_category=Status.Category.RESOLVED, resolved_at__lt=before).order_by(
        "pk"
    )
    return sum(_close(ticket_id) for ticket_id in list(over.values_list("pk", flat=True)[:limit]))


@transaction.atomic
def _close(ticket_id: int) -> int:
    ticket = lock_ticket(ticket_id)
    if ticket.status.category != Status.Category.RESOLVED:
        return 0
    move_to(ticket, status_of("closed"), by=SYSTEM, reason="grace_over")
    save_ticket(ticket)
    return 1
