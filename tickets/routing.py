"""What a new ticket is about: asks the champion of the task "routing", or the descriptions while there is none.

Runs in ml workers and commands only; nothing here is imported by web processes before it is called.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ml.classifiers import ColdStartClassifier, Reason, TextPrediction
from ml.classifiers.beside import Input, facts_of, text_of
from ml.classifiers.features import prepare, readable_terms
from ml.encoders import ModelUnavailable, WeightsMismatch, sentence_encoder
from ml.evaluation.class_precision import AUTOMATIC
from ml.serving.answers import Item, Served
from ml.serving.door import predict
from people.models import Team
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import Category, Message, Ticket
from tickets.ticket_facts import PRIORITY_TASK, ROUTING_TASK

logger = logging.getLogger(__name__)

COLD_START = "cold-start"
COLD_START_TEAMS = "cold-start-teams"
NOTHING = "none"
REASONS = 5
WORDS_CONSIDERED = 40
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")


@dataclass(frozen=True)
class RoutingSuggestion:
    """What the classifiers say about one text.

    ``prediction.label`` is a category's name; a team's when ``served.source`` is COLD_START_TEAMS. ``mode`` says whether it may
    be applied or only suggested. ``priority`` is None without a trained priority model. ``facts`` are what was known beside it.
    """

    text: str
    prediction: TextPrediction
    served: Served
    priority: TextPrediction | None = None
    priority_served: Served | None = None
    mode: str = AUTOMATIC
    priority_mode: str = AUTOMATIC
    facts: Mapping[str, str] = field(default_factory=dict)


_cold_start: dict[tuple[str, tuple[tuple[str, str], ...]], ColdStartClassifier] = {}


def suggest_routing(
    inputs: Sequence[Input], ticket_ids: Sequence[int] | None = None
) -> list[RoutingSuggestion]:
    """Return one suggestion per text, read with what stands beside it (``tickets.routing_inputs``).

    Never fails for want of a model: then it abstains and a person chooses. ``ticket_ids`` let a canary answer for its share of
    the tickets; without them only champions do.
    """
    ids: Sequence[int | None] = ticket_ids if ticket_ids is not None else [None] * len(inputs)
    items = [Item(given, pk) for given, pk in zip(inputs, ids, strict=True)]
    return [
        RoutingSuggestion(
            text_of(item.content),
            answer.value or _undecided("unavailable"),
            answer.served,
            priority.value,
            priority.served if priority.value is not None else None,
            answer.mode,
            priority.mode,
            facts_of(item.content),
        )
        for item, answer, priority in zip(
            items, predict(ROUTING_TASK, items), predict(PRIORITY_TASK, items), strict=True
        )
    ]


def by_description(texts: Sequence[str]) -> tuple[str, list[TextPrediction]]:
    """Compare with what leads wrote about the categories, or about the teams while there are no categories."""
    source, described = _descriptions()
    if not described:
        return NOTHING, [_undecided("no_classes") for _text in texts]
    try:
        encoder = sentence_encoder()
        key = (encoder.digest, tuple(sorted(described.items())))
        if key not in _cold_start:
            _cold_start.clear()
            _cold_start[key] = ColdStartClassifier(encoder, described)
        classifier = _cold_start[key]
        return source, _with_reasons(classifier, texts, classifier.predict(texts))
    except (ModelUnavailable, WeightsMismatch):
        logger.exception("tickets cannot be routed, they go to triage")
        return NOTHING, [_undecided("unavailable") for _text in texts]


def _descriptions() -> tuple[str, dict[str, str]]:
    """The source and, per name, the words that describe it: a category's own and its team's."""
    categories = Category.objects.filter(is_active=True).select_related(*Category.WITH_TEAMS)
    if described := {
        category.name: " ".join(
            filter(
                None,
                (
                    f"{category.name}.",
                    category.description,
                    team.description if (team := category.responsible_team) else "",
                ),
            )
        )
        for category in categories
    }:
        return COLD_START, described
    teams = Team.objects.filter(is_active=True)
    return COLD_START_TEAMS, {team.name: f"{team.name}. {team.description}".strip() for team in teams}


def _with_reasons(
    classifier: ColdStartClassifier, texts: Sequence[str], predictions: Sequence[TextPrediction]
) -> list[TextPrediction]:
    """Add the words of each text that lie nearer to the chosen description than to the others.

    The weight is the cosine to the chosen description minus the mean cosine to all of them.
    """
    words = [list(dict.fromkeys(_WORD.findall(prepare(text))))[:WORDS_CONSIDERED] for text in texts]
    distinct = sorted({word for row in words for word in row})
    near = dict(zip(distinct, classifier.similarities(distinct), strict=True))
    explained = []
    for row, prediction in zip(words, predictions, strict=True):
        column = classifier.labels.index(prediction.label)
        weights = [(word, float(near[word][column] - near[word].mean())) for word in row]
        ranked = sorted((pair for pair in weights if pair[1] > 0), key=lambda pair: -pair[1])
        reasons = tuple(Reason(word, round(weight, 4)) for word, weight in readable_terms(ranked, REASONS))
        explained.append(replace(prediction, reasons=reasons))
    return explained


def _undecided(because: str) -> TextPrediction:
    return TextPrediction(label="", probability=0.0, alternatives=(), abstained=True, because=because)


def ticket_text(ticket: Ticket, opening: Message | None) -> str:
    """What a classifier reads of a ticket: the subject and what is new in the message that opened it."""
    body = "" if opening is None else new_text(opening.body_text, opening.quote_offsets)
    return f"{ticket.subject}\n{body}"[:MODEL_TEXT_LENGTH].strip()


def ticket_texts(tickets: Sequence[Ticket]) -> list[str]:
    """``ticket_text`` of several tickets, with one query for their opening messages."""
    opening: dict[int, Message] = {}
    messages = Message.objects.filter(ticket__in=tickets).exclude(kind=Message.Kind.NOTE)
    for message in messages.only("ticket_id", "body_text", "quote_offsets").order_by("pk"):
        opening.setdefault(message.ticket_id, message)
    return [ticket_text(ticket, opening.get(ticket.pk)) for ticket in tickets]
