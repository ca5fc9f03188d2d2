"""Scores each message of a customer."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from ml.models import Prediction
from people.viewer import system_viewer
from tickets.events import MESSAGE_RECEIVED
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import Message
from tickets.ticket_facts import SENTIMENT_TASK


class SentimentScoring(Subscriber):
    """Asks the transformer outside the transaction; what the customer quotes is not scored."""

    key = "tickets.sentiment"
    label = _("Sentiment")
    verbs = frozenset({MESSAGE_RECEIVED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> dict[int, Any]:
        """Return (sentiment, model) per message that has not been scored."""
        from ml.sentiment.scorer import score_sentiment, sentiment_model

        ids = {event.subject_id for event in events}
        known = Prediction.objects.filter(task=SENTIMENT_TASK, subject_kind="message", subject_id__in=ids)
        fresh = ids - set(known.values_list("subject_id", flat=True))
        messages = list(Message.objects.filter(pk__in=fresh, kind=Message.Kind.INBOUND).order_by("pk"))
        if not messages:
            return {}
        texts = [
            new_text(message.body_text, message.quote_offsets)[:MODEL_TEXT_LENGTH] for message in messages
        ]
        model = sentiment_model().version
        return {
            message.pk: (sentiment, model)
            for message, sentiment in zip(messages, score_sentiment(texts), strict=True)
        }

    def apply(self, events: Sequence[Event], prepared: dict[int, Any]) -> None:
        """Store them in their order."""
        from tickets.services.score_message import score_message

        by = system_viewer("task")
        for event in events:
            if event.subject_id in prepared:
                sentiment, model = prepared[event.subject_id]
                score_message(
                    message_id=event.subject_id, sentiment=sentiment, model=model, by=by, cause=event
                )
