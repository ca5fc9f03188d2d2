"""What is known about one ticket beside its columns: how it was routed, where its promise stands. For pages and REST."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ml.models import Feedback, GoldenCase, Prediction
from people.viewer import Viewer
from tickets.models import SLAPolicy, Status, Ticket
from tickets.services.mark_sla_breaches import next_response_broken
from tickets.sla import PromiseName
from tickets.sla_terms import open_promises, policy_of, status_runs

ROUTING_TASK = "routing"
PRIORITY_TASK = "priority"
SENTIMENT_TASK = "sentiment"
TAGS_TASK = "tags"
SUBJECT_KIND = "ticket"
# Why a person chooses though the classifier is sure: answers of this class are only suggested.
SUGGESTED = "suggested"
# The classifier is sure of a parent category and not of the kind: the ticket went to the parent, and a person names the kind.
KIND_OPEN = "kind_open"

SlaState = Literal["", "running", "paused", "met", "breached"]
Promised = Literal["", "first_response", "next_response", "resolution"]


@dataclass(frozen=True)
class RoutingFacts:
    """How the classifier saw a ticket and what holds now.

    ``category``, ``team``, ``priority`` hold now (names, None when not chosen); ``suggested`` is what the classifier said
    with ``confidence`` 0..1, ``alternatives`` its best (name, probability) pairs, ``reasons`` (term, signed weight).
    ``abstained``: it left the choice to a person, ``because`` says why. ``verdict`` is "correction" or "confirmation" once
    a person has judged it, else empty. ``parent_probability`` is how likely the parent category was to which the ticket went
    because the kind is open (``because`` is KIND_OPEN), else None.
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
    parent_probability: float | None = None


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
    """Return how a ticket was routed, None until it is: three queries, none before."""
    if ticket.routing_state == Ticket.Routing.PENDING:
        return None
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
        parent_probability=_told(prediction).get("probability"),
    )


def golden_case_of(ticket: Ticket, viewer: Viewer) -> GoldenCase | None:
    """Return the case in force that says where every model must route the ticket."""
    cases = GoldenCase.objects.visible_to(viewer).in_force(ROUTING_TASK)
    return cases.filter(subject_kind=SUBJECT_KIND, subject_id=ticket.pk).first()


def _terms(prediction: Prediction) -> Iterable[tuple[str, float]]:
    """The (term, weight) pairs among the stored reasons."""
    return ((str(reason[0]), float(reason[1])) for reason in prediction.reasons if isinstance(reason, list))


def _because(prediction: Prediction) -> str:
    """The stored word for why the classifier abstained."""
    return str(_told(prediction).get("because", ""))


def _told(prediction: Prediction) -> Mapping[str, Any]:
    """What was decided beside the terms, empty when the answer was simply applied."""
    return next((reason for reason in prediction.reasons if isinstance(reason, dict)), {})


def sla_of(ticket: Ticket) -> SlaFacts:
    """Say where the promise stands, from the ticket's columns and the policies that are kept.

    A clock is "breached" once the passed deadline has been stamped; before that, as long as a display counts on by itself,
    it is "running" with a ``due_at`` that may lie in the past. "breached" without a ``due_at``: the ticket is done, or
    paused, and the solution came too late.
    """
    policy = policy_of(ticket)
    if policy is None:
        return SlaFacts("", "", None, None)
    if ticket.status.category not in Status.ACTIVE:
        missed = ticket.resolution_breached_at is not None
        return SlaFacts("breached" if missed else "met", "resolution", None, None)
    if ticket.next_due_at is None:
        if ticket.resolution_breached_at is not None:
            return SlaFacts("breached", "resolution", ticket.resolution_breached_at, None)
        return SlaFacts("" if status_runs(ticket.status) else "paused", "resolution", None, None)
    about = _nearest_promise(ticket)
    stamped = {
        "first_response": ticket.first_response_breached_at is not None,
        "next_response": next_response_broken(ticket),
        "resolution": ticket.resolution_breached_at is not None,
    }[about]
    return SlaFacts(
        "breached" if stamped else "running",
        about,
        ticket.next_due_at,
        promised_seconds(policy, ticket.priority, about),
    )


def _nearest_promise(ticket: Ticket) -> PromiseName:
    """What the next deadline of a living ticket is about."""
    dues = {
        "first_response": ticket.first_response_due_at,
        "next_response": ticket.next_response_due_at,
        "resolution": ticket.resolution_due_at,
    }
    running = open_promises(ticket)
    return next((name for name in running if dues[name] == ticket.next_due_at), "resolution")


def promised_seconds(policy: SLAPolicy, priority: str, about: PromiseName) -> int | None:
    """Return the promised business seconds of a policy for a priority, None when nothing is promised."""
    for target in policy.targets.all():
        if target.priority == priority:
            seconds: int | None = getattr(target, f"{about}_seconds")
            return seconds
    return None
