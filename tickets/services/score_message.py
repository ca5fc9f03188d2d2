"""Store the sentiment of a customer's message and the mood of its conversation."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from core.models import Event
from customers.models import Contact
from ml.models import Prediction
from ml.sentiment.scorer import Reading
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.serving.answers import Served
from people.viewer import Viewer
from tickets.events import SENTIMENT_CHANGED
from tickets.models import Message, Ticket
from tickets.mood import REMEMBERED, conversation_mood
from tickets.services.note_signals import note_signals
from tickets.signal_answers import Said
from tickets.ticket_facts import SENTIMENT_TASK
from tickets.ticket_rows import lock_ticket

MESSAGE_KIND = "message"


@transaction.atomic
def score_message(
    *,
    message_id: int,
    reading: Reading,
    model: str,
    by: Viewer,
    cause: Event | None = None,
    said: Mapping[str, Said] | None = None,
) -> bool:
    """Store what ``model`` read in an inbound message, once; returns whether it was new.

    The ticket's label, probability and score follow; a change of the label is an event. What else the message says (``said``, by
    kind) becomes its signals. Raises Message.DoesNotExist.
    """
    by.require("tickets.edit")
    sentiment = reading.sentiment
    message = Message.objects.get(pk=message_id, kind=Message.Kind.INBOUND)
    ticket = lock_ticket(message.ticket_id)
    if Prediction.objects.filter(
        task=SENTIMENT_TASK, subject_kind=MESSAGE_KIND, subject_id=message_id
    ).exists():
        return False
    record_predictions(
        task=SENTIMENT_TASK,
        subject_kind=MESSAGE_KIND,
        predictions=[
            SubjectPrediction(
                subject_id=message_id,
                label=sentiment.label,
                probability=sentiment.probability,
                alternatives=[[label, round(share, 6)] for label, share in sentiment.probabilities.items()],
                abstained=not reading.supported,
                input_text=message.body_text,
            )
        ],
        served=Served(model),
    )
    Message.objects.filter(pk=message_id).update(
        sentiment_label=sentiment.label,
        sentiment_probability=sentiment.probability,
        sentiment_score=sentiment.score,
    )
    weigh_conversation(ticket, by, cause)
    note_signals(message=message, ticket=ticket, said=said or {}, by=by, cause=cause)
    return True


def weigh_conversation(ticket: Ticket, by: Viewer, cause: Event | None) -> None:
    """Weigh the conversation of a locked ticket again and write its columns in the database; the row in hand stays."""
    written = ticket.messages.filter(kind=Message.Kind.INBOUND).exclude(sentiment_label="")
    by_people = written.filter(is_automatic=False)
    counted = by_people if by_people.exists() else written
    newest = list(counted.order_by("-created_at", "-pk").values_list("pk", flat=True)[:REMEMBERED])
    stored = dict(
        Prediction.objects.filter(
            task=SENTIMENT_TASK, subject_kind=MESSAGE_KIND, subject_id__in=newest
        ).values_list("subject_id", "alternatives")
    )
    mood = conversation_mood([dict(stored[pk]) for pk in newest if pk in stored])
    if mood is None:
        return
    before = ticket.sentiment_label
    Ticket.objects.filter(pk=ticket.pk).update(
        sentiment_label=mood.label,
        sentiment_probability=mood.probability,
        sentiment_score=mood.score,
        updated_at=timezone.now(),
    )
    if mood.label == before:
        return
    Contact.objects.filter(pk=ticket.contact_id).update(sentiment_label=mood.label)
    SENTIMENT_CHANGED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"from": before, "to": mood.label, "score": round(mood.score, 4)},
        cause=cause,
    )
