"""Scores each message of a customer."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from ml.models import Prediction
from people.viewer import system_viewer
from tickets.events import MESSAGE_RECEIVED
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import Message
from tickets.signal_answers import said_in
from tickets.ticket_facts import SENTIMENT_TASK

AT_ONCE = 16


class SentimentScoring(Subscriber):
    """Asks the transformer and stores its answers, a few in one short transaction; what the customer quotes is not scored.

    Held together, all tickets of a batch would make others wait. A repetition finds the predictions.
    """

    key = "tickets.sentiment"
    label = _("Sentiment")
    verbs = frozenset({MESSAGE_RECEIVED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Score the messages that have not been, in the order of their ids."""
        from ml.sentiment.scorer import score_messages as read_messages
        from ml.sentiment.scorer import sentiment_model
        from tickets.services.score_messages import ReadMessage, score_messages

        causes = {event.subject_id: event for event in events}
        known = Prediction.objects.filter(
            task=SENTIMENT_TASK, subject_kind="message", subject_id__in=list(causes)
        )
        fresh = causes.keys() - set(known.values_list("subject_id", flat=True))
        messages = list(Message.objects.filter(pk__in=fresh, kind=Message.Kind.INBOUND).order_by("pk"))
        if not messages:
            return
        texts = [
            new_text(message.body_text, message.quote_offsets)[:MODEL_TEXT_LENGTH] for message in messages
        ]
        model, by = sentiment_model().version, system_viewer("task")
        readings = read_messages(texts)
        read = [
            ReadMessage(message.pk, reading, said, causes[message.pk])
            for message, reading, said in zip(
                messages, readings, said_in(readings, [message.pk for message in messages]), strict=True
            )
        ]
        for start in range(0, len(read), AT_ONCE):
            score_messages(read=read[start : start + AT_ONCE], model=model, by=by)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
