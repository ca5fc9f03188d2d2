"""Find the promise that holds for a ticket and write its deadlines."""

import logging
from datetime import datetime

from django.db import transaction

from core.calendars import CalendarError, OpeningHours
from core.models import Event
from people.viewer import Viewer
from tickets.events import STATUS_CHANGED
from tickets.models import SLAPolicy, Status, Ticket
from tickets.sla import Clock, Promise, StatusChange, run_clock
from tickets.ticket_rows import lock_ticket, save_ticket

logger = logging.getLogger(__name__)


@transaction.atomic
def apply_sla(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Choose the policy again (the account or the policies have changed) and move the deadlines."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    locked.sla_policy = choose_policy(locked)
    set_deadlines(locked)
    save_ticket(locked)
    return locked


def choose_policy(ticket: Ticket) -> SLAPolicy | None:
    """Return the first active policy whose tiers include the account's tier or that has none."""
    tier = "" if ticket.account is None else ticket.account.tier
    policies = SLAPolicy.objects.filter(is_active=True).select_related("calendar").prefetch_related("targets")
    return next((policy for policy in policies if not policy.tiers or tier in policy.tiers), None)


def set_deadlines(ticket: Ticket) -> None:
    """Set the deadline columns of a locked ticket from its policy, priority and status changes; the caller saves.

    The status changes of the running transaction must have been recorded before.
    """
    clock = ticket_clock(ticket)
    ticket.first_response_due_at = None if clock is None else clock.first_response_due_at
    ticket.resolution_due_at = None if clock is None else clock.resolution_due_at
    ticket.next_due_at = next_due(ticket)


def ticket_clock(ticket: Ticket) -> Clock | None:
    """Return the clock of a ticket, or None when nothing is promised for its priority, or nothing that can be kept.

    A calendar that does not hold the promised hours must not keep customers' messages out.
    """
    promise = promise_for(ticket)
    if promise is None:
        return None
    try:
        return run_clock(opened_at=ticket.created_at, changes=_status_changes(ticket), promise=promise)
    except CalendarError as error:
        logger.warning("SLA policy %s cannot be kept: %s", ticket.sla_policy_id, error)
        return None


def promise_for(ticket: Ticket) -> Promise | None:
    """Return what the ticket's policy promises for its priority."""
    policy = ticket.sla_policy
    if policy is None:
        return None
    target = next((target for target in policy.targets.all() if target.priority == ticket.priority), None)
    if target is None:
        return None
    hours = OpeningHours.always() if policy.calendar is None else policy.calendar.hours()
    return Promise(hours, target.first_response_seconds, target.resolution_seconds)


def next_due(ticket: Ticket) -> datetime | None:
    """Return the nearest deadline that still asks for an act of ours."""
    if ticket.status.category not in Status.ACTIVE:
        return None
    waiting = [
        ticket.first_response_due_at if ticket.first_responded_at is None else None,
        ticket.resolution_due_at if ticket.status.category in {"new", "open"} else None,
    ]
    return min((due for due in waiting if due is not None), default=None)


def _status_changes(ticket: Ticket) -> list[StatusChange]:
    """Read the ticket's status changes from the event log; a change whose detail was erased is left out."""
    events = (
        Event.objects.filter(ticket_id=ticket.pk, verb=STATUS_CHANGED.verb)
        .select_related("detail")
        .order_by("pk")
    )
    return [
        StatusChange(event.occurred_at, event.detail.data["to_category"])
        for event in events
        if event.detail.data is not None
    ]
