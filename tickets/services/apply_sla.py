"""Find the promise that holds for a ticket and write its deadlines.

Services that change a ticket call one of the hooks before they save it: ``set_deadlines`` after a change of status or
priority, ``note_customer_waits`` when the customer has written, ``note_answer`` when an answer counts. The policy is chosen
again by ``tickets.subscribers.sla_policy`` when something that conditions ask about has changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from people.viewer import Viewer
from tickets.events import SLA_APPLIED
from tickets.models import SLAPolicy, Ticket
from tickets.services.mark_sla_breaches import stamp_breaches
from tickets.sla import Clock, Promise, StatusChange
from tickets.sla_terms import (
    Deadlines,
    active_policies,
    choose,
    clock_of,
    deadlines_of,
    nearest,
    promise_of,
    status_changes_of,
)
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def apply_sla(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Choose the policy again (the ticket, its account or the policies have changed) and move the deadlines.

    Saves and records only when something is different.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    before = _state(locked)
    locked.sla_policy = choose_policy(locked)
    set_deadlines(locked)
    if before == _state(locked):
        return locked
    save_ticket(locked)
    if before[0] != locked.sla_policy_id:
        SLA_APPLIED.record(
            by=by,
            subject_id=locked.pk,
            ticket_id=locked.pk,
            account_id=locked.account_id,
            detail={"from": before[0], "to": locked.sla_policy_id, "version": locked.sla_policy_version},
        )
    return locked


def choose_policy(ticket: Ticket) -> SLAPolicy | None:
    """Return the first active policy whose condition holds for the loaded ticket: three queries for all policies."""
    return choose(active_policies(), ticket)


def set_deadlines(ticket: Ticket, changes: Sequence[StatusChange] | None = None) -> None:
    """Set the deadline columns of a locked ticket from its policy, priority, status and whose turn it is; the caller saves.

    ``changes`` are the ticket's status changes where the caller knows them; else they are read, so those of the running
    transaction must have been recorded before.
    """
    if changes is None and ticket.sla_policy_id is not None:
        changes = status_changes_of([ticket.pk])[ticket.pk]
    write_deadlines(ticket, deadlines_of(ticket, ticket.sla_policy, changes or ()))


def write_deadlines(ticket: Ticket, deadlines: Deadlines) -> None:
    """Put computed deadlines into the columns of a locked ticket; the caller saves."""
    ticket.first_response_due_at = deadlines.first_response
    ticket.next_response_due_at = deadlines.next_response
    ticket.resolution_due_at = deadlines.resolution
    ticket.next_due_at = deadlines.next_due
    ticket.sla_step_at = deadlines.step_at
    ticket.sla_policy_version = 0 if ticket.sla_policy is None else ticket.sla_policy.version


def columns_of(ticket: Ticket) -> Deadlines:
    """Return the deadline columns as they stand."""
    return Deadlines(
        first_response=ticket.first_response_due_at,
        next_response=ticket.next_response_due_at,
        resolution=ticket.resolution_due_at,
        next_due=ticket.next_due_at,
        step_at=ticket.sla_step_at,
    )


def without_step(deadlines: Deadlines) -> Deadlines:
    """Return the deadlines alone: the moment of the next step also moves when a step is taken."""
    return replace(deadlines, step_at=None)


def _state(ticket: Ticket) -> tuple[int | None, int, Deadlines]:
    return ticket.sla_policy_id, ticket.sla_policy_version, without_step(columns_of(ticket))


def note_customer_waits(ticket: Ticket, since: datetime) -> None:
    """The customer has written on a locked ticket: from ``since`` an answer is due, unless one was due earlier already.

    Call it before the ticket is reopened; the caller saves.
    """
    if ticket.waiting_since is None or since < ticket.waiting_since:
        ticket.waiting_since = since
        set_deadlines(ticket)


def note_answer(ticket: Ticket, at: datetime) -> None:
    """An answer counts from ``at`` (it has left, or can no longer be undone): promises of an answer are kept or broken.

    For a locked ticket; the caller saves. Idempotent for the same answer.
    """
    stamp_breaches(ticket, at)
    ticket.waiting_since = None
    ticket.next_response_due_at = None
    if ticket.first_responded_at is None:
        ticket.first_responded_at = at
    ticket.next_due_at = next_due(ticket)


def ticket_clock(ticket: Ticket) -> Clock | None:
    """Return the clock of a ticket, or None when nothing is promised for its priority, or nothing that can be kept."""
    return clock_of(ticket, promise_for(ticket), status_changes_of([ticket.pk])[ticket.pk])


def promise_for(ticket: Ticket) -> Promise | None:
    """Return what the ticket's policy promises for its priority."""
    return promise_of(ticket.sla_policy, ticket.priority)


def next_due(ticket: Ticket) -> datetime | None:
    """Return the nearest deadline that still asks for an act of ours, from the columns."""
    return nearest(
        ticket, ticket.first_response_due_at, ticket.next_response_due_at, ticket.resolution_due_at
    )
