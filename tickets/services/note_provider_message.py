"""What providers say about messages (delivered, read, failed, edited, taken back), in any order, also before the message itself.

What is said is kept by the provider's id; whatever we know of both is brought to the message.
"""

from datetime import datetime

from django.utils import timezone

from core.events import EventType
from core.outbox import fail_sent
from people.viewer import system_viewer
from tickets.channel import DeletionArrival, DeliveryArrival, EditArrival
from tickets.events import MESSAGE_DELIVERED, MESSAGE_EDITED, MESSAGE_TAKEN_BACK
from tickets.message_text import one_line, storable
from tickets.models import Inbox, Message, ProviderMessage
from tickets.search_index import index_message

# Forwards only: what was read was delivered, and what was delivered did not fail.
_RANKS = {"": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}


def note_known(*, inbox: Inbox, provider_id: str, message: Message) -> None:
    """Tell whose message a provider's id is, and bring to it what was said before. In the caller's transaction."""
    row = _locked(inbox, provider_id)
    if row.message_id is None:
        row.message = message
        row.save(update_fields=["message"])
        _bring_state(row)
        _bring_text(row)


def note_delivery(*, inbox: Inbox, news: DeliveryArrival) -> None:
    """Note what became of an answer; an older or weaker word changes nothing. In the caller's transaction."""
    row = _locked(inbox, news.message_id)
    if _RANKS[news.state] <= _RANKS[row.state]:
        return
    row.state, row.state_at = news.state, news.occurred_at
    row.detail = one_line(storable(news.detail), 300)
    row.save(update_fields=["state", "state_at", "detail"])
    _bring_state(row)


def note_edit(*, inbox: Inbox, news: EditArrival) -> None:
    """Note that a message was changed by who wrote it; the latest text holds. In the caller's transaction."""
    row = _locked(inbox, news.message_id)
    if row.edited_at is not None and row.edited_at >= news.occurred_at:
        return
    row.text, row.edited_at = storable(news.text), news.occurred_at
    row.save(update_fields=["text", "edited_at"])
    _bring_text(row)


def note_deletion(*, inbox: Inbox, news: DeletionArrival) -> None:
    """Note that a message was taken back; its text stays. In the caller's transaction."""
    row = _locked(inbox, news.message_id)
    if row.deleted_at is not None:
        return
    row.deleted_at = news.occurred_at
    row.save(update_fields=["deleted_at"])
    if row.message is not None:
        _record(MESSAGE_TAKEN_BACK, row.message, inbox, news.occurred_at)


def _locked(inbox: Inbox, provider_id: str) -> ProviderMessage:
    ProviderMessage.objects.get_or_create(inbox=inbox, provider_id=provider_id[:255])
    rows = ProviderMessage.objects.select_for_update(of=("self",)).select_related("message__ticket")
    return rows.get(inbox=inbox, provider_id=provider_id[:255])


def _bring_state(row: ProviderMessage) -> None:
    message = row.message
    if (
        message is None
        or message.kind != Message.Kind.OUTBOUND
        or row.state not in ("delivered", "read", "failed")
    ):
        return
    if message.delivery == row.state:
        return
    message.delivery = Message.Delivery(row.state)
    message.delivery_detail = row.detail
    message.delivered_at = row.state_at if row.state != "failed" else None
    message.save(update_fields=["delivery", "delivery_detail", "delivered_at"])
    if row.state == "failed":
        fail_sent(idempotency_key=f"message:{message.pk}", reason=row.detail)
    MESSAGE_DELIVERED.record(
        by=system_viewer(message.channel),
        subject_id=message.pk,
        ticket_id=message.ticket_id,
        account_id=message.ticket.account_id,
        detail={"state": row.state, "reason": row.detail},
        occurred_at=row.state_at or timezone.now(),
    )


def _bring_text(row: ProviderMessage) -> None:
    message = row.message
    if message is None:
        return
    if row.edited_at is not None and message.body_text != row.text:
        before = message.body_text
        message.body_text, message.body_html, message.quote_offsets = row.text, "", []
        message.save(update_fields=["body_text", "body_html", "quote_offsets"])
        index_message(message.pk)
        _record(MESSAGE_EDITED, message, row.inbox, row.edited_at, {"before": before})
    if row.deleted_at is not None:
        _record(MESSAGE_TAKEN_BACK, message, row.inbox, row.deleted_at)


def _record(
    event: EventType, message: Message, inbox: Inbox, at: datetime, detail: dict[str, str] | None = None
) -> None:
    event.record(
        by=system_viewer(inbox.channel),
        subject_id=message.pk,
        ticket_id=message.ticket_id,
        account_id=message.ticket.account_id,
        detail=detail,
        occurred_at=at,
    )
