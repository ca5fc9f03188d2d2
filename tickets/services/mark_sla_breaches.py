"""Note which promises were broken."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.actors import SYSTEM
from core.events import EventType, record_together
from tickets.events import FIRST_RESPONSE_BREACHED, NEXT_RESPONSE_BREACHED, RESOLUTION_BREACHED
from tickets.models import Status, Ticket
from tickets.ticket_rows import lock_ticket, save_ticket

BATCH = 200


def mark_sla_breaches(*, now: datetime | None = None) -> int:
    """Stamp open tickets whose deadline has passed, each kind of breach once; returns how many were found.

    The stamp and the event carry the moment of the deadline, not that of the look.
    """
    moment = now or timezone.now()
    late = _late(moment).order_by("pk").values_list("pk", flat=True)[:BATCH]
    return sum(_mark(ticket_id, moment) for ticket_id in list(late))


def _late(moment: datetime) -> QuerySet[Ticket]:
    unanswered = Q(first_response_due_at__lt=moment, first_responded_at=None, first_response_breached_at=None)
    waiting = Q(next_response_due_at__lt=moment, waiting_since__isnull=False) & (
        Q(next_response_breached_at=None) | Q(next_response_breached_at__lt=F("waiting_since"))
    )
    unsolved = Q(resolution_due_at__lt=moment, resolution_breached_at=None)
    # The nearest deadline has passed when any has; that column is the indexed one.
    return Ticket.objects.filter(
        unanswered | waiting | unsolved, due_order__lt=moment, status_category__in=Status.ACTIVE
    )


@transaction.atomic
def _mark(ticket_id: int, moment: datetime) -> int:
    ticket = lock_ticket(ticket_id)
    marked = stamp_breaches(ticket, moment) if ticket.status.category in Status.ACTIVE else 0
    if marked:
        save_ticket(ticket)
    return marked


def stamp_breaches(ticket: Ticket, moment: datetime) -> int:
    """Stamp a locked ticket's promises that are broken at ``moment`` and record them; the caller saves.

    Called before whatever answers or resolves a ticket, so that a late act counts as late before the next look.
    """
    broken: list[tuple[EventType, datetime | None]] = []
    due = ticket.first_response_due_at
    if (
        ticket.first_responded_at is None
        and ticket.first_response_breached_at is None
        and _passed(due, moment)
    ):
        ticket.first_response_breached_at = due
        broken.append((FIRST_RESPONSE_BREACHED, due))
    due = ticket.next_response_due_at
    if (
        ticket.first_responded_at is not None
        and ticket.waiting_since is not None
        and not next_response_broken(ticket)
        and _passed(due, moment)
    ):
        ticket.next_response_breached_at = due
        broken.append((NEXT_RESPONSE_BREACHED, due))
    due = ticket.resolution_due_at
    if ticket.resolution_breached_at is None and _passed(due, moment):
        ticket.resolution_breached_at = due
        broken.append((RESOLUTION_BREACHED, due))
    if broken:
        record_together(by=SYSTEM, entries=[(kind, _told(ticket, due)) for kind, due in broken])
    return len(broken)


def next_response_broken(ticket: Ticket) -> bool:
    """Whether the customer's present wait has been stamped as too long; the stamp of an earlier one stays on the row."""
    stamp, since = ticket.next_response_breached_at, ticket.waiting_since
    return stamp is not None and since is not None and stamp >= since


def _passed(due: datetime | None, moment: datetime) -> bool:
    return due is not None and due < moment


def _told(ticket: Ticket, due: datetime | None) -> dict[str, Any]:
    return {
        "subject_id": ticket.pk,
        "ticket_id": ticket.pk,
        "account_id": ticket.account_id,
        "detail": {"due_at": due, "policy": ticket.sla_policy_id, "priority": ticket.priority},
        "occurred_at": due,
    }
