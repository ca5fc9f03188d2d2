"""What is known about one ticket beside its columns: how it was routed, where its promise stands. For pages and REST."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ml.models import Feedback, Prediction
from tickets.models import SLAPolicy, Status, Ticket

ROUTING_TASK = "routing"
PRIORITY_TASK = "priority"
SENTIMENT_TASK = "sentiment"
SUBJECT_KIND = "ticket"

SlaState = Literal["", "running", "paused", "met", "breached"]
Promised = Literal["", "first_response", "resolution"]


@dataclass(frozen=True)
class RoutingFacts:
    """How the classifier saw a ticket and what holds now.

    ``category``, ``team``, ``priority`` hold now (names, None when not chosen); ``suggested`` is what the classifier said
    with ``confidence`` 0..1, ``alternatives`` its best (name, probability) pairs, ``reasons`` (term, signed weight).
    ``abstained``: it left the choice to a person, ``because`` says why. ``verdict`` is "correction" or "confirmation" once
    a person has judged it, else empty.
    """

    category: str | None
    team: str | None
    priority: str
    suggested: str
    confidence: float
    abstained: bool
    because: str
    alternatives: tuple[tuple[str, float], ...]
    reasons: tuple[tuple[str, float], ...]
    model_version: str
    verdict: str


@dataclass(frozen=True)
class SlaFacts:
    """Where the promise of a ticket stands: the nearest deadline and what it is about.

    ``total_seconds`` are the promised business seconds behind ``due_at``; ``due_at`` is None when paused or met.
    """

    state: SlaState
    about: Promised
    due_at: datetime | None
    total_seconds: int | None


def routing_of(ticket: Ticket) -> RoutingFacts | None:
    """Return how a ticket was routed, None while no prediction is stored. Three queries."""
    prediction = (
        Prediction.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk)
        .select_related("version")
        .first()
    )
    if prediction is None:
        return None
    verdict = (
        Feedback.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk)
        .order_by("-pk")
        .values_list("source", flat=True)
        .first()
    )
    return RoutingFacts(
        category=ticket.category.name if ticket.category else None,
        team=ticket.team.name if ticket.team else None,
        priority=ticket.priority,
        suggested=prediction.label,
        confidence=prediction.probability,
        abstained=prediction.abstained,
        because=_because(prediction),
        alternatives=tuple((str(label), float(share)) for label, share in prediction.alternatives),
        reasons=tuple(_terms(prediction)),
        model_version=prediction.version.label if prediction.version else prediction.source,
        verdict=verdict or "",
    )


def _terms(prediction: Prediction) -> Iterable[tuple[str, float]]:
    """The (term, weight) pairs among the stored reasons."""
    return ((str(reason[0]), float(reason[1])) for reason in prediction.reasons if isinstance(reason, list))


def _because(prediction: Prediction) -> str:
    """The stored word for why the classifier abstained."""
    return next((str(reason["because"]) for reason in prediction.reasons if isinstance(reason, dict)), "")


def sla_of(ticket: Ticket) -> SlaFacts:
    """Return where the promise stands from the row alone; the policy's targets should be prefetched in lists.

    Breached means that the nearest deadline has passed, or that the solution came too late.
    """
    if ticket.sla_policy is None:
        return SlaFacts("", "", None, None)
    if ticket.status.category not in Status.ACTIVE:
        missed = ticket.resolution_breached_at is not None
        return SlaFacts("breached" if missed else "met", "resolution", None, None)
    if ticket.next_due_at is None:
        if ticket.resolution_breached_at is not None:
            return SlaFacts("breached", "resolution", ticket.resolution_breached_at, None)
        return SlaFacts(
            "paused" if ticket.status.category not in {"new", "open"} else "", "resolution", None, None
        )
    first = ticket.first_responded_at is None and ticket.next_due_at == ticket.first_response_due_at
    about: Promised = "first_response" if first else "resolution"
    stamped = ticket.first_response_breached_at if first else ticket.resolution_breached_at
    state: SlaState = "breached" if stamped is not None else "running"
    return SlaFacts(
        state, about, ticket.next_due_at, promised_seconds(ticket.sla_policy, ticket.priority, about)
    )


def promised_seconds(policy: SLAPolicy, priority: str, about: Promised) -> int | None:
    """Return the promised business seconds of a policy for a priority, None when nothing is promised."""
    for target in policy.targets.all():
        if target.priority == priority:
            return target.first_response_seconds if about == "first_response" else target.resolution_seconds
    return None
