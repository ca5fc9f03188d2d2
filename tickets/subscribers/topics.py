"""Looks whether a later message of a customer is about something else than the ticket."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from ml.evaluation.class_precision import AUTOMATIC
from ml.models import ModelAlias
from people.viewer import system_viewer
from tickets.events import MESSAGE_RECEIVED
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import Message, Ticket
from tickets.ticket_facts import ROUTING_TASK


class TopicWatch(Subscriber):
    """Asks the routing model about messages after the first and proposes what it is sure of; nothing moves by itself.

    Descriptions of categories are not asked: they are not measured. Each proposal is a transaction of its own; a repetition
    finds that the message has been looked at.
    """

    key = "tickets.topics"
    label = _("Changes of topic")
    verbs = frozenset({MESSAGE_RECEIVED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Ask about the later messages, in the order of their ids."""
        if not ModelAlias.objects.filter(task=ROUTING_TASK, name=ModelAlias.Name.CHAMPION).exists():
            return
        from ml.serving.answers import Item
        from ml.serving.door import predict
        from tickets.routing_inputs import with_facts
        from tickets.services.follow_topic import propose_topic

        causes = {event.subject_id: event for event in events}
        spoken = Message.objects.exclude(kind=Message.Kind.NOTE)
        before = spoken.filter(ticket=OuterRef("ticket"), pk__lt=OuterRef("pk"))
        later = Message.objects.filter(Exists(before), pk__in=causes, kind=Message.Kind.INBOUND)
        messages = [
            (message, text)
            for message in later.filter(ticket__category__isnull=False).order_by("pk")
            if (text := new_text(message.body_text, message.quote_offsets)[:MODEL_TEXT_LENGTH].strip())
        ]
        if not messages:
            return
        tickets = Ticket.objects.in_bulk([message.ticket_id for message, _text in messages])
        asked = with_facts([(tickets[message.ticket_id], text) for message, text in messages])
        by = system_viewer("task")
        for (message, _text), answer in zip(
            messages, predict(ROUTING_TASK, list(map(Item, asked))), strict=True
        ):
            served = answer.served
            sure = served.version is not None and not served.paused and answer.mode == AUTOMATIC
            if sure and not answer.value.abstained:
                propose_topic(
                    message_id=message.pk,
                    prediction=answer.value,
                    source=served.source,
                    by=by,
                    cause=causes[message.pk],
                )

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
