"""Store the sentiment of customers' messages and the mood of their conversations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from core.bulk_rows import update_rows
from core.models import Event
from customers.models import Contact
from ml.models import Prediction
from ml.sentiment.scorer import Reading
from ml.services.record_predictions import Answered, SubjectPrediction, record_answers
from ml.serving.answers import Served
from people.viewer import Viewer
from tickets.events import SENTIMENT_CHANGED
from tickets.models import Message, Ticket
from tickets.mood import REMEMBERED, Mood, conversation_mood
from tickets.services.note_signals import note_signals
from tickets.signal_answers import Said
from tickets.ticket_facts import SENTIMENT_TASK
from tickets.ticket_rows import lock_tickets

MESSAGE_KIND = "message"


@dataclass(frozen=True)
class ReadMessage:
    """What was read in one message of a customer: its mood, what else it says by kind, and the event that led here."""

    message_id: int
    reading: Reading
    said: Mapping[str, Said] = field(default_factory=dict)
    cause: Event | None = None


@transaction.atomic
def score_messages(*, read: Sequence[ReadMessage], model: str, by: Viewer) -> int:
    """Store what ``model`` read in inbound messages, each once; returns how many were new. Messages that are gone are left out.

    The label, probability and score of their tickets follow; a change of the label is an event. Some twenty queries for any
    number of messages; their tickets are locked in the order of their ids until all is written.
    """
    by.require("tickets.edit")
    asked = {one.message_id: one for one in read}
    messages = Message.objects.filter(pk__in=asked, kind=Message.Kind.INBOUND).in_bulk()
    tickets = lock_tickets({message.ticket_id for message in messages.values()})
    known = Prediction.objects.filter(
        task=SENTIMENT_TASK, subject_kind=MESSAGE_KIND, subject_id__in=list(messages)
    )
    for pk in known.values_list("subject_id", flat=True):
        del messages[pk]
    fresh = [(messages[pk], asked[pk]) for pk in sorted(messages)]
    if not fresh:
        return 0
    record_answers(
        [Answered(SENTIMENT_TASK, MESSAGE_KIND, [_prediction(*one) for one in fresh], Served(model))]
    )
    moods = [(message.pk, one.reading.sentiment) for message, one in fresh]
    update_rows(
        Message,
        ["sentiment_label", "sentiment_probability", "sentiment_score"],
        [(mood.label, mood.probability, mood.score, pk) for pk, mood in moods],
    )
    causes = {message.pk: one.cause for message, one in fresh if one.cause is not None}
    last = {message.ticket_id: causes.get(message.pk) for message, _one in fresh}
    weigh_conversations({pk: tickets[pk] for pk in last}, by, last)
    note_signals(said=[(message, one.said) for message, one in fresh], tickets=tickets, by=by, causes=causes)
    return len(fresh)


def _prediction(message: Message, one: ReadMessage) -> SubjectPrediction:
    sentiment = one.reading.sentiment
    return SubjectPrediction(
        subject_id=message.pk,
        label=sentiment.label,
        probability=sentiment.probability,
        alternatives=[[label, round(share, 6)] for label, share in sentiment.probabilities.items()],
        abstained=not one.reading.supported,
        input_text=message.body_text,
    )


def weigh_conversations(
    tickets: Mapping[int, Ticket], by: Viewer, causes: Mapping[int, Event | None]
) -> None:
    """Weigh the conversations of locked tickets again and write their columns in the database; the rows in hand stay.

    ``tickets`` and ``causes`` are by the ticket's id.
    """
    moods = _moods(tickets)
    now = timezone.now()
    update_rows(
        Ticket,
        ["sentiment_label", "sentiment_probability", "sentiment_score", "updated_at"],
        [(mood.label, mood.probability, mood.score, now, pk) for pk, mood in sorted(moods.items())],
    )
    changed = {pk: mood for pk, mood in moods.items() if mood.label != tickets[pk].sentiment_label}
    contacts: dict[str, set[int]] = defaultdict(set)
    for pk, mood in changed.items():
        if (contact_id := tickets[pk].contact_id) is not None:
            contacts[mood.label].add(contact_id)
    for label, ids in contacts.items():
        Contact.objects.filter(pk__in=ids).update(sentiment_label=label)
    SENTIMENT_CHANGED.record_many(
        by=by,
        rows=[
            {
                "subject_id": pk,
                "ticket_id": pk,
                "account_id": tickets[pk].account_id,
                "detail": {
                    "from": tickets[pk].sentiment_label,
                    "to": mood.label,
                    "score": round(mood.score, 4),
                },
                "cause": causes.get(pk),
            }
            for pk, mood in sorted(changed.items())
        ],
    )


def _moods(ticket_ids: Mapping[int, object]) -> dict[int, Mood]:
    """The mood of each conversation, by what people wrote where anybody did; those without a scored message are left out."""
    scored = Message.objects.filter(ticket__in=list(ticket_ids), kind=Message.Kind.INBOUND)
    rows: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    newest_first = scored.exclude(sentiment_label="").order_by("-created_at", "-pk")
    for ticket_id, pk, is_automatic in newest_first.values_list("ticket_id", "pk", "is_automatic"):
        rows[ticket_id].append((pk, is_automatic))
    newest = {
        ticket_id: ([pk for pk, is_automatic in found if not is_automatic] or [pk for pk, _is in found])[
            :REMEMBERED
        ]
        for ticket_id, found in rows.items()
    }
    stored = Prediction.objects.filter(
        task=SENTIMENT_TASK,
        subject_kind=MESSAGE_KIND,
        subject_id__in=[pk for found in newest.values() for pk in found],
    )
    shares = dict(stored.values_list("subject_id", "alternatives"))
    moods = {
        ticket_id: conversation_mood([dict(shares[pk]) for pk in found if pk in shares])
        for ticket_id, found in newest.items()
    }
    return {ticket_id: mood for ticket_id, mood in moods.items() if mood is not None}
