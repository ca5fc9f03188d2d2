"""What the policies promise, as values: which one holds for a ticket, and the deadlines and steps that follow from it.

Everything here reads loaded rows and computes; the only queries are those of ``active_policies`` and ``status_changes_of``.
The writers are ``tickets.services.apply_sla`` and the job that computes every deadline again.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from core.calendars import CalendarError, OpeningHours
from core.kept_rows import KeptRows
from core.models import Calendar, Event
from tickets.condition_fields import ConditionFields
from tickets.conditions import holds
from tickets.events import STATUS_CHANGED
from tickets.models import SLAPolicy, SLAStep, SLATarget, Status, Ticket
from tickets.sla import (
    Clock,
    Promise,
    PromiseName,
    StatusChange,
    Waiting,
    moment_when_used,
    run_clock,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadlines:
    """The deadline columns of a ticket as they should be; ``step_at`` is when the first step of the policy is due."""

    first_response: datetime | None = None
    next_response: datetime | None = None
    resolution: datetime | None = None
    next_due: datetime | None = None
    step_at: datetime | None = None


@dataclass(frozen=True)
class DueStep:
    """A step of a policy for one promise of one ticket, with the moment at which it is to be taken."""

    step: SLAStep
    promise: PromiseName
    due_at: datetime
    episode_at: datetime
    at: datetime


def active_policies() -> list[SLAPolicy]:
    """Return the policies in the order they are tried, with calendar, targets and steps; kept for some seconds."""
    return [policy for policy in _kept.get().values() if policy.is_active]


def policies_read_now() -> list[SLAPolicy]:
    """Return the active policies as they are in the database at this moment; what is kept is read again, too."""
    _kept.forget()
    return active_policies()


def policy_of(ticket: Ticket) -> SLAPolicy | None:
    """Return the policy of a ticket with its terms, from what is kept; read only when it is newer than that."""
    if ticket.sla_policy_id is None:
        return None
    return _kept.get().get(ticket.sla_policy_id) or ticket.sla_policy


def with_terms(policies: QuerySet[SLAPolicy]) -> QuerySet[SLAPolicy]:
    """Load what a policy promises beside it."""
    return policies.select_related("calendar").prefetch_related("targets", "steps")


_kept = KeptRows(
    lambda: {policy.pk: policy for policy in with_terms(SLAPolicy.objects.all())},
    SLAPolicy,
    SLATarget,
    SLAStep,
    Calendar,
)


def choose(
    policies: Sequence[SLAPolicy],
    ticket: Ticket,
    *,
    now: datetime | None = None,
    fields: ConditionFields | None = None,
) -> SLAPolicy | None:
    """Return the first of ``policies`` whose condition holds for the loaded ticket; none when its clocks are off."""
    if ticket.sla_off:
        return None
    known, moment = fields or ConditionFields(), now or timezone.now()
    return next(
        (policy for policy in policies if holds(policy.condition, ticket, me=None, now=moment, fields=known)),
        None,
    )


def status_runs(status: Status) -> bool:
    """Whether the clock of the solution runs in a status."""
    return status.category in Status.ACTIVE and not status.pauses_sla


def status_changes_of(ticket_ids: Collection[int]) -> dict[int, list[StatusChange]]:
    """Read the status changes of tickets from the event log: one query. A change whose detail was erased is left out."""
    found: dict[int, list[StatusChange]] = {number: [] for number in ticket_ids}
    events = (
        Event.objects.filter(ticket_id__in=found, verb=STATUS_CHANGED.verb)
        .select_related("detail")
        .order_by("pk")
    )
    for event in events:
        data = event.detail.data
        if data is not None and event.ticket_id is not None:
            found[event.ticket_id].append(
                StatusChange(event.occurred_at, data["to_category"], data.get("runs"))
            )
    return found


def promise_of(policy: SLAPolicy | None, priority: str) -> Promise | None:
    """Return what a policy promises for a priority, None when nothing."""
    if policy is None:
        return None
    target = next((target for target in policy.targets.all() if target.priority == priority), None)
    if target is None:
        return None
    hours = OpeningHours.always() if policy.calendar is None else policy.calendar.hours()
    return Promise(
        hours,
        first_response_seconds=target.first_response_seconds,
        resolution_seconds=target.resolution_seconds,
        next_response_seconds=target.next_response_seconds,
    )


def waiting_of(ticket: Ticket) -> Waiting:
    """Return whose turn it is by the columns of the ticket, which the services keep equal to its messages."""
    return Waiting(ticket.waiting_since, ticket.first_responded_at is not None)


def clock_of(ticket: Ticket, promise: Promise | None, changes: Sequence[StatusChange]) -> Clock | None:
    """Return the clock of a ticket, or None when nothing is promised, or nothing that can be kept.

    A calendar that does not hold the promised hours must not keep customers' messages out.
    """
    if promise is None:
        return None
    try:
        return run_clock(
            opened_at=ticket.created_at, changes=changes, promise=promise, waiting=waiting_of(ticket)
        )
    except CalendarError as error:
        logger.warning("SLA policy %s cannot be kept: %s", ticket.sla_policy_id, error)
        return None


def deadlines_of(ticket: Ticket, policy: SLAPolicy | None, changes: Sequence[StatusChange]) -> Deadlines:
    """Compute the deadline columns that the ticket would have under a policy."""
    promise = promise_of(policy, ticket.priority)
    clock = clock_of(ticket, promise, changes)
    if clock is None or promise is None or policy is None:
        return Deadlines()
    moments = [due.at for due in due_steps(ticket, policy, promise, clock)]
    return Deadlines(
        first_response=clock.first_response_due_at,
        next_response=clock.next_response_due_at,
        resolution=clock.resolution_due_at,
        next_due=nearest(
            ticket, clock.first_response_due_at, clock.next_response_due_at, clock.resolution_due_at
        ),
        step_at=min(moments, default=None),
    )


def nearest(
    ticket: Ticket,
    first_response: datetime | None,
    next_response: datetime | None,
    resolution: datetime | None,
) -> datetime | None:
    """Return the nearest of the deadlines that still ask for an act of ours."""
    dues = {"first_response": first_response, "next_response": next_response, "resolution": resolution}
    return min((due for name in open_promises(ticket) if (due := dues[name]) is not None), default=None)


def open_promises(ticket: Ticket) -> list[PromiseName]:
    """Return the promises of a ticket that are still to be kept now; ``status`` must be loaded."""
    if ticket.status.category not in Status.ACTIVE:
        return []
    names: list[PromiseName] = []
    if ticket.first_responded_at is None:
        names.append("first_response")
    elif ticket.waiting_since is not None:
        names.append("next_response")
    if status_runs(ticket.status):
        names.append("resolution")
    return names


def due_steps(ticket: Ticket, policy: SLAPolicy, promise: Promise, clock: Clock) -> Iterator[DueStep]:
    """Yield the steps for the promises that are still to be kept, each with its moment, past ones too."""
    dues = {
        "first_response": clock.first_response_due_at,
        "next_response": clock.next_response_due_at,
        "resolution": clock.resolution_due_at,
    }
    running = [name for name in open_promises(ticket) if dues[name] is not None]
    for step in policy.steps.all():
        for name in running if not step.promise else [one for one in running if one == step.promise]:
            due_at = dues[name]
            at = None if due_at is None else _step_moment(step, name, due_at, ticket, promise, clock)
            if due_at is not None and at is not None:
                waiting = name == "next_response" and ticket.waiting_since
                yield DueStep(step, name, due_at, waiting or ticket.created_at, at)


def _step_moment(
    step: SLAStep, name: PromiseName, due_at: datetime, ticket: Ticket, promise: Promise, clock: Clock
) -> datetime | None:
    if step.timing == SLAStep.Timing.BEFORE:
        return due_at - timedelta(minutes=step.amount)
    if step.timing == SLAStep.Timing.AFTER:
        return due_at + timedelta(minutes=step.amount)
    return moment_when_used(
        name,
        (promise.seconds(name) or 0) * step.amount / 100,
        opened_at=ticket.created_at,
        intervals=clock.intervals,
        waiting=waiting_of(ticket),
        hours=promise.hours,
    )
