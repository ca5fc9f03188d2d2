"""Compute the deadlines of living tickets again after policies or calendars have changed, or say what would move.

Both look at slices of tickets with the same few queries per slice; a ticket is locked only when something differs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from core.job_runner import start_job
from core.models import Calendar, Job
from people.viewer import Viewer
from tickets.condition_fields import ConditionFields
from tickets.conditions import clauses, load_people
from tickets.models import SLAPolicy, SLATarget, Ticket
from tickets.services.apply_sla import apply_sla, columns_of, without_step
from tickets.services.save_sla_policy import TargetSpec, proposed_policy
from tickets.sla_terms import Deadlines, choose, deadlines_of, policies_read_now, status_changes_of

RECOMPUTE_KIND = "tickets.recompute_sla"
PREVIEW_KIND = "tickets.preview_sla"
CUSTOMERS_KIND = "tickets.recompute_sla_of_customers"
BATCH = 200
MOST_EXAMPLES = 12


@dataclass(frozen=True)
class Move:
    """A ticket whose policy or deadlines would be others."""

    ticket: Ticket
    policy: SLAPolicy | None
    before: Deadlines
    after: Deadlines


@dataclass
class PreviewCount:
    """What a change would move: tickets looked at, with other deadlines, of these earlier and later, broken at once."""

    looked: int = 0
    moved: int = 0
    earlier: int = 0
    later: int = 0
    broken: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, moves: Sequence[Move], looked: int, now: datetime) -> None:
        """Count the moves of one slice."""
        self.looked += looked
        for move in moves:
            before, after = move.before.next_due, move.after.next_due
            if without_step(move.before) == without_step(move.after):
                continue
            self.moved += 1
            self.earlier += after is not None and (before is None or after < before)
            self.later += before is not None and (after is None or after > before)
            breaks = after is not None and after < now and (before is None or before >= now)
            self.broken += breaks
            if len(self.examples) < MOST_EXAMPLES:
                self.examples.append(
                    {
                        "ticket": move.ticket.pk,
                        "number": move.ticket.number,
                        "subject": move.ticket.subject[:120],
                        "policy": move.policy.name if move.policy else "",
                        "before": None if before is None else before.isoformat(),
                        "after": None if after is None else after.isoformat(),
                        "broken": bool(breaks),
                    }
                )


def start_recompute(*, by: Viewer, because: str) -> Job:
    """Queue the job that computes every deadline again; ``because`` names the change, one job per change."""
    by.require("settings.manage")
    return start_job(kind=RECOMPUTE_KIND, key=because[:120], by=by, requested_by_id=by.user_id)


@transaction.atomic
def start_preview(
    *,
    by: Viewer,
    name: str,
    position: int,
    condition: object,
    calendar: Calendar | None,
    targets: Mapping[str, TargetSpec],
    is_active: bool = True,
    policy: SLAPolicy | None = None,
) -> Job:
    """Queue the job that says what saving this policy would move. Raises ValidationError as saving would."""
    by.require("settings.manage")
    proposal = proposed_policy(
        name=name, position=position, condition=condition, calendar=calendar, targets=targets,
        is_active=is_active, policy=policy,
    )  # fmt: skip
    params = {
        "policy": proposal.pk,
        "name": proposal.name,
        "position": position,
        "condition": proposal.condition,
        "calendar": None if calendar is None else calendar.pk,
        "targets": {priority: asdict(spec) for priority, spec in targets.items()},
        "is_active": is_active,
    }
    return start_job(kind=PREVIEW_KIND, key=uuid4().hex, by=by, params=params, requested_by_id=by.user_id)


def policies_with(params: Mapping[str, Any]) -> list[SLAPolicy]:
    """Return the active policies as they would be with the policy of a preview's ``params``; nothing is saved."""
    proposal = SLAPolicy(
        pk=params["policy"],
        name=params["name"],
        position=params["position"],
        condition=params["condition"],
        calendar=Calendar.objects.filter(pk=params["calendar"]).first(),
        is_active=params["is_active"],
    )
    targets = [
        SLATarget(
            priority=priority,
            first_response_seconds=spec["first_response"],
            next_response_seconds=spec["next_response"],
            resolution_seconds=spec["resolution"],
        )
        for priority, spec in params["targets"].items()
    ]
    present = policies_read_now()
    old = next((policy for policy in present if policy.pk == proposal.pk), None)
    # Relations of a row that is not saved are read from its prefetch cache only.
    proposal._prefetched_objects_cache = {  # type: ignore[attr-defined]
        "targets": targets,
        "steps": [] if old is None else old.steps.all(),
    }
    others = [policy for policy in present if policy.pk != proposal.pk or proposal.pk is None]
    kept = [*others, proposal] if proposal.is_active else others
    return sorted(kept, key=lambda policy: (policy.position, policy.pk or 1 << 62))


def next_slice(after: int, limit: int = BATCH) -> list[Ticket]:
    """Return the living tickets after an id with what conditions and deadlines read."""
    return judged(Ticket.objects.active().filter(pk__gt=after).order_by("pk")[:limit])


def next_of_customers(*, accounts: Collection[int], contacts: Collection[int], after: int) -> list[Ticket]:
    """Return the next living tickets of these accounts and contacts, in the order of their ids; at most BATCH."""
    theirs = Q(account_id__in=accounts) | Q(contact_id__in=contacts)
    return judged(Ticket.objects.active().filter(theirs, pk__gt=after).order_by("pk")[:BATCH])


def start_recompute_of_customers(
    *, accounts: Sequence[int], contacts: Sequence[int], after: int, because: str, by: Viewer
) -> Job:
    """Queue the job that goes on with the tickets of these customers after an id; ``because`` names the change."""
    params = {"accounts": list(accounts), "contacts": list(contacts), "after": after}
    return start_job(kind=CUSTOMERS_KIND, key=because[:120], by=by, params=params)


def judged(tickets: QuerySet[Ticket]) -> list[Ticket]:
    """Load tickets with what conditions and deadlines read beside them, in constant queries."""
    return list(
        tickets.select_related("status", "account", "contact", "sla_policy").prefetch_related(
            "ticket_tags__tag", "field_values"
        )
    )


def moves_of(tickets: Sequence[Ticket], policies: Sequence[SLAPolicy]) -> list[Move]:
    """Return those of the tickets whose policy, version or deadlines would be others under ``policies``."""
    fields, now = ConditionFields(), timezone.now()
    load_people(tickets, {clause["field"] for policy in policies for clause in clauses(policy.condition)})
    changes = status_changes_of([ticket.pk for ticket in tickets])
    found = []
    for ticket in tickets:
        policy = choose(policies, ticket, now=now, fields=fields)
        after = deadlines_of(ticket, policy, changes[ticket.pk])
        same_policy = (ticket.sla_policy_id, ticket.sla_policy_version) == (
            (None, 0) if policy is None else (policy.pk, policy.version)
        )
        before = columns_of(ticket)
        if not same_policy or without_step(before) != without_step(after):
            found.append(Move(ticket, policy, before, after))
    return found


def recompute_slice(tickets: Sequence[Ticket], *, by: Viewer) -> int:
    """Give the tickets of a slice the deadlines they should have; returns how many moved.

    Each ticket is a transaction of its own: call it outside of one.
    """
    # A policy that was saved a moment ago, in another process, is why this runs.
    moves = moves_of(tickets, policies_read_now())
    for move in moves:
        apply_sla(ticket=move.ticket, by=by)
    return len(moves)
