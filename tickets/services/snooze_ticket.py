"""Put a ticket aside until a time, or until the customer writes; wake it again."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import SYSTEM, Actor
from core.models import Event
from people.viewer import Viewer
from tickets.events import SNOOZED, WOKEN
from tickets.models import Status, Ticket
from tickets.services.change_status import move_to
from tickets.ticket_rows import lock_ticket, save_ticket

LONGEST = timedelta(days=366)
BATCH = 200


@transaction.atomic
def snooze_ticket(*, ticket: Ticket, until: datetime, by: Viewer) -> Ticket:
    """Put the ticket aside until ``until`` (aware) or the customer's next message, whichever comes first.

    It leaves the views of what waits for us; its promises go on, so one in danger still shows where promises do. Raises
    ValidationError for a time that has passed or is more than a year away, and for a ticket that is resolved.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    now = timezone.now()
    if timezone.is_naive(until) or not now < until <= now + LONGEST:
        raise ValidationError({"snoozed_until": _("Choose a time within the next year.")})
    if locked.status_category not in Status.ACTIVE:
        raise ValidationError({"snoozed_until": _("The ticket is over: there is nothing to come back to.")})
    if locked.snoozed_until == until:
        return locked
    locked.snoozed_until = until
    locked.snoozed_by_id = by.user_id
    SNOOZED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"until": until},
    )
    save_ticket(locked)
    return locked


@transaction.atomic
def wake_ticket(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Take the ticket back before its time; its status stays. Does nothing when it is awake."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    if locked.snoozed_until is not None:
        wake(locked, by=by, reason="asked")
        save_ticket(locked)
    return locked


def wake(
    ticket: Ticket, *, by: Actor, reason: str, at: datetime | None = None, cause: Event | None = None
) -> None:
    """Wake a locked ticket that is put aside, and record it; the caller saves. ``reason``: asked, time, customer_wrote."""
    until, sleeper = ticket.snoozed_until, ticket.snoozed_by_id
    if until is None:
        return
    ticket.snoozed_until = None
    ticket.snoozed_by = None
    WOKEN.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"until": until, "reason": reason, "snoozed_by": sleeper},
        occurred_at=at,
        cause=cause,
    )


def wake_due_tickets(*, now: datetime | None = None) -> int:
    """Wake what was put aside until now or earlier; returns how many."""
    moment = now or timezone.now()
    due = Ticket.objects.filter(snoozed_until__lte=moment).order_by("snoozed_until", "pk")
    return sum(_wake_due(ticket_id, moment) for ticket_id in list(due.values_list("pk", flat=True)[:BATCH]))


@transaction.atomic
def _wake_due(ticket_id: int, now: datetime) -> int:
    """Wake one: it is open again and unread, so that it is seen."""
    ticket = lock_ticket(ticket_id)
    if ticket.snoozed_until is None or ticket.snoozed_until > now:
        return 0
    wake(ticket, by=SYSTEM, reason="time", at=now)
    ticket.unread = True
    if ticket.status_category in {Status.Category.WAITING, Status.Category.ON_HOLD}:
        move_to(ticket, Status.objects.get(pk="open"), by=SYSTEM, reason="snooze_over", at=now)
    save_ticket(ticket, now=now)
    return 1
