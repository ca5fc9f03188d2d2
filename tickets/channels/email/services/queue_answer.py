"""Put an answer into the outbox as a mail."""

from datetime import datetime

from core.models import Outbound
from core.outbox import enqueue_outbound
from tickets.channels.email.thread_tokens import make_message_id
from tickets.models import Message, MessageAlias
from tickets.outbound.email_answer import EmailAnswerSender, sender_of


def queue_answer(*, message: Message, not_before: datetime | None = None) -> Outbound:
    """Give an outbound message its signed Message-ID and its row in the outbox, in the caller's transaction.

    Once per message: a second call returns the first row. ``not_before`` is for undo-send and sending later.
    """
    domain = sender_of(message.ticket).address.rpartition("@")[2]
    message.external_id = make_message_id(message.ticket.reference, message.pk, domain)
    message.delivery = Message.Delivery.QUEUED
    message.save(update_fields=["external_id", "delivery"])
    MessageAlias.objects.get_or_create(message_id=message.external_id, defaults={"ticket": message.ticket})
    return enqueue_outbound(
        kind=EmailAnswerSender.key,
        idempotency_key=message.external_id,
        payload={"message": message.pk},
        account_id=message.ticket.account_id,
        ticket_id=message.ticket_id,
        not_before=not_before,
    )
