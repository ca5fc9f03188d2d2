"""Apply a classifier's suggestion to a new ticket: category, team, priority - or triage - then promise and person."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db import transaction

from core.models import Event
from ml.class_modes import class_rows
from ml.classifiers import TextPrediction
from ml.evaluation.class_precision import AUTOMATIC, SUGGEST
from ml.models import Prediction
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.serving.answers import Served
from people.models import Team
from people.viewer import Viewer
from tickets.events import ROUTED
from tickets.models import Category, Ticket
from tickets.rolled_up import lineage, rolled_up
from tickets.routing import COLD_START_TEAMS, RoutingSuggestion
from tickets.services.apply_sla import choose_policy, set_deadlines
from tickets.services.assign_ticket import assign_automatically
from tickets.services.change_priority import set_priority
from tickets.ticket_facts import KIND_OPEN, PRIORITY_TASK, ROUTING_TASK, SUBJECT_KIND, SUGGESTED
from tickets.ticket_rows import lock_ticket, save_ticket


class Destinations:
    """Where tickets may go: active categories by name with their teams, their parents, and teams by name. Two queries, once.

    Read for a batch: a category that is renamed meanwhile keeps its id.
    """

    @cached_property
    def categories(self) -> dict[str, Category]:
        """The active categories."""
        rows = Category.objects.filter(is_active=True).select_related(*Category.WITH_TEAMS)
        return {row.name: row for row in rows.order_by("-pk")}

    @cached_property
    def parents(self) -> dict[str, str]:
        """The name of the parent by the name of the kind, where the parent is active."""
        kinds = Category.objects.filter(parent__is_active=True)
        return dict(kinds.values_list("name", "parent__name"))

    @cached_property
    def teams(self) -> dict[str, Team]:
        """The active teams."""
        return {row.name: row for row in Team.objects.filter(is_active=True).order_by("-pk")}


@transaction.atomic
def route_ticket(
    *,
    ticket_id: int,
    suggestion: RoutingSuggestion,
    by: Viewer,
    cause: Event | None = None,
    destinations: Destinations | None = None,
) -> bool:
    """Store the prediction, once per ticket, and act on it unless a person has chosen meanwhile.

    Returns whether the prediction was new; ``destinations`` are shared by a batch. Raises Ticket.DoesNotExist.
    """
    by.require("tickets.edit")
    ticket = lock_ticket(ticket_id)
    known = Prediction.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket_id)
    if known.exists():
        return False
    known_places = destinations or Destinations()
    category, team, because = _resolve(suggestion, known_places)
    prediction = suggestion.prediction
    above = _above(suggestion, known_places) if because == "unsure" else None
    told: dict[str, object] = {"because": because} if because else {}
    if above is not None:
        category, team, because = above.category, above.category.responsible_team, KIND_OPEN
        told = {"because": because, "category": category.name, "probability": round(above.probability, 4)}
    abstained = because not in {"", KIND_OPEN}
    _store(ROUTING_TASK, ticket, suggestion, prediction, suggestion.served, told, suggestion.mode)
    if suggestion.priority is not None and suggestion.priority_served is not None:
        priority, priority_served = suggestion.priority, suggestion.priority_served
        why = priority.because or (SUGGESTED if suggestion.priority_mode == SUGGEST else "")
        said: dict[str, object] = {"because": why} if why else {}
        _store(PRIORITY_TASK, ticket, suggestion, priority, priority_served, said, suggestion.priority_mode)
    if ticket.routing_state != Ticket.Routing.PENDING:
        return True
    ticket.routing_state = Ticket.Routing.TRIAGE if abstained else Ticket.Routing.ROUTED
    ticket.category = None if abstained else category
    ticket.team = _team_for(ticket, None if abstained else team)
    event = ROUTED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "category": ticket.category_id,
            "team": ticket.team_id,
            "confidence": round(prediction.probability if above is None else above.probability, 4),
            "abstained": abstained,
            "because": because,
            "source": suggestion.served.source,
        },
        cause=cause,
    )
    if suggestion.priority is not None and _may_act(suggestion):
        label = suggestion.priority.label
        # A priority that somebody has given meanwhile stays.
        is_open = ticket.priority == Ticket.Priority.NORMAL
        if is_open and label in Ticket.Priority.values and label != ticket.priority:
            set_priority(ticket, label, by=by, cause=event)
    ticket.sla_policy = choose_policy(ticket)
    set_deadlines(ticket)
    if not abstained and ticket.assignee_id is None:
        assign_automatically(ticket, by=by, cause=event)
    save_ticket(ticket)
    return True


def _may_act(suggestion: RoutingSuggestion) -> bool:
    """Whether the suggested priority may be set without a person."""
    priority, served = suggestion.priority, suggestion.priority_served
    if priority is None or priority.abstained or (served and served.paused):
        return False
    return suggestion.priority_mode == AUTOMATIC


def _resolve(
    suggestion: RoutingSuggestion, destinations: Destinations
) -> tuple[Category | None, Team | None, str]:
    """The rows that the suggestion names, and why a person must choose instead (empty when none must)."""
    prediction = suggestion.prediction
    if suggestion.served.source == COLD_START_TEAMS:
        team = destinations.teams.get(prediction.label)
        return None, team, prediction.because or ("" if team else "unknown")
    category = destinations.categories.get(prediction.label)
    if prediction.abstained:
        return category, None, prediction.because or "unsure"
    if suggestion.served.paused:
        return category, None, "paused"
    if category is not None and suggestion.mode == SUGGEST:
        return category, None, SUGGESTED
    # A category that was renamed or given up since the model was trained.
    return category, category.responsible_team if category else None, "" if category else "unknown"


@dataclass(frozen=True)
class _Above:
    """A category of which the answer is sure while the kind is open, and its probability."""

    category: Category
    probability: float


def _above(suggestion: RoutingSuggestion, destinations: Destinations) -> _Above | None:
    """The parent under which an unsure answer lies all the same, None without one.

    The answer tells its three best classes, so the probability is a lower bound. Classes of a version earn what they do by
    themselves: each that speaks for the parent must be one whose answers of that probability are applied.
    """
    prediction, served = suggestion.prediction, suggestion.served
    if prediction.least is None or served.paused or served.source == COLD_START_TEAMS:
        return None
    parents = destinations.parents
    found = rolled_up(dict(prediction.alternatives), parents, prediction.least)
    if found is None:
        return None
    name, probability = found
    if served.version is None:
        may_act = suggestion.mode == AUTOMATIC
    else:
        modes = class_rows([served.version]).get(served.version.pk, {})
        speaking = [label for label, _share in prediction.alternatives if name in lineage(label, parents)]
        may_act = all(
            modes[label].for_probability(probability) == AUTOMATIC for label in speaking if label in modes
        )
    if not may_act:
        return None
    above = destinations.categories.get(name)
    return None if above is None else _Above(above, probability)


def _team_for(ticket: Ticket, team: Team | None) -> Team | None:
    """The team of a ticket: what is private stays so, a private inbox keeps its own, else the suggested one, else the inbox's."""
    if ticket.team is not None and ticket.team.is_private:
        return ticket.team
    default = ticket.inbox.default_team if ticket.inbox else None
    if default is not None and default.is_private:
        return default
    return team or default


def input_facts(
    prediction: TextPrediction, text: str, channel: str, known: Mapping[str, str] | None = None
) -> dict[str, float | str | bool]:
    """What the watch over a model compares of a ticket, without a word of it; ``known`` is what stands beside the text."""
    facts: dict[str, float | str | bool] = {
        **(known or {}),
        "channel": channel,
        "words": len(text.split()),
        "unfamiliar": prediction.because == "unfamiliar",
    }
    if prediction.familiarity is not None:
        facts["familiarity"] = round(prediction.familiarity, 4)
    return facts


def _store(
    task: str,
    ticket: Ticket,
    suggestion: RoutingSuggestion,
    prediction: TextPrediction,
    served: Served,
    told: Mapping[str, object],
    mode: str,
) -> None:
    reasons: list[object] = [[reason.term, reason.weight] for reason in prediction.reasons]
    if told:
        reasons.append(dict(told))
    record_predictions(
        task=task,
        subject_kind=SUBJECT_KIND,
        predictions=[
            SubjectPrediction(
                subject_id=ticket.pk,
                label=prediction.label,
                probability=prediction.probability,
                abstained=bool(told),
                mode="" if prediction.abstained else mode,
                alternatives=[[label, round(share, 4)] for label, share in prediction.alternatives],
                reasons=reasons,
                input_text=suggestion.text,
                facts=input_facts(prediction, suggestion.text, ticket.channel, suggestion.facts),
            )
        ],
        served=served,
    )
