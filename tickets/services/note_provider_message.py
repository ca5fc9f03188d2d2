"""What providers say about messages (delivered, read, failed, edited, taken back), in any order, also before the message itself.

What is said is kept by the provider's id; whatever we know of both is brought to the message.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from core.events import EventType
from core.models import Outbound
from core.outbox import arrived_after_all, fail_sent, is_leaving
from customers.models import Contact
from people.viewer import system_viewer
from tickets.channel import DeletionArrival, DeliveryArrival, EditArrival, ReadingArrival
from tickets.channels.email.events import ANSWER_SENT
from tickets.events import MESSAGE_DELIVERED, MESSAGE_EDITED, MESSAGE_TAKEN_BACK
from tickets.message_text import one_line, storable
from tickets.models import ChannelThread, Inbox, Message, ProviderMessage
from tickets.reply_routes import same_person
from tickets.search_index import index_message
from tickets.services.receive_message import note_text_changed

# By how much a provider's clock and the way to us may differ, when it tells until when everything was read.
CLOCKS = timedelta(seconds=10)
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
        if message.kind == Message.Kind.OUTBOUND:
            _bring_reading(row, message)
    elif row.message_id == message.pk and message.kind == Message.Kind.OUTBOUND:
        # The provider has named it before we knew that it had left.
        _bring_state(row)
        _bring_reading(row, message)


def note_delivery(*, inbox: Inbox, news: DeliveryArrival) -> None:
    """Note what became of an answer; an older or weaker word changes nothing. In the caller's transaction."""
    row = _locked(inbox, news.message_id)
    if row.message is None and news.key:
        _claim_lost(row, news)
    if _RANKS[news.state] <= _RANKS[row.state]:
        return
    row.state, row.state_at = news.state, news.occurred_at
    row.detail = one_line(storable(news.detail), 300)
    row.save(update_fields=["state", "state_at", "detail"])
    _bring_state(row)


def note_reading(*, inbox: Inbox, news: ReadingArrival) -> None:
    """Note how far the customer has come in a thread; never backwards. In the caller's transaction."""
    key = news.thread_key[:255]
    ChannelThread.objects.get_or_create(inbox=inbox, key=key)
    thread = ChannelThread.objects.select_for_update(of=("self",)).get(inbox=inbox, key=key)
    mark = "read_until" if news.state == "read" else "delivered_until"
    known = getattr(thread, mark)
    if known is not None and known >= news.until:
        return
    setattr(thread, mark, news.until)
    thread.save(update_fields=[mark])
    if thread.contact is None:
        return
    who = thread.contact.person.pk
    person = Contact.objects.filter(Q(pk=who) | Q(merged_into=who) | Q(merged_into__merged_into=who))
    sent = ProviderMessage.objects.filter(
        inbox=inbox, message__ticket__contact__in=person, message__kind=Message.Kind.OUTBOUND,
        message__created_at__lte=news.until, message__delivered_at__lte=news.until + CLOCKS,
    )  # fmt: skip
    for row in sent.exclude(state__in=["failed", "read", news.state]).select_related("message__ticket"):
        _reach(row, news.state, news.until)


def _reach(row: ProviderMessage, state: str, at: datetime) -> None:
    if _RANKS[state] > _RANKS[row.state]:
        row.state, row.state_at = state, at
        row.save(update_fields=["state", "state_at"])
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


def forget_said(*, message_id: int) -> None:
    """Let what was said about a failed answer no longer count, because it is sent anew. In the caller's transaction."""
    rows = ProviderMessage.objects.filter(message=message_id)
    # Where our key is what the provider calls it, the repetition has the same name.
    rows.filter(provider_id=f"message:{message_id}").update(state="", state_at=None, detail="", message=None)
    rows.update(message=None)


def forget_failed(*, message: Message, inbox: Inbox | None, names: Collection[str]) -> list[str]:
    """The same for an answer that is sent anew to those only whom it did not reach; returns the ids of what failed.

    ``names`` are ids that were accepted and that nobody may have brought to the message: from now on what is said of them counts.
    """
    for name in names:
        if inbox is not None:
            ProviderMessage.objects.get_or_create(inbox=inbox, provider_id=name[:255])
    ProviderMessage.objects.filter(inbox=inbox, provider_id__in=names, message=None).update(message=message)
    rows = ProviderMessage.objects.filter(message=message, state="failed")
    failed = list(rows.values_list("provider_id", flat=True))
    rows.update(message=None)
    return failed


def ids_reached(*, message: Message) -> list[str]:
    """The ids of those to whom an answer has gone, as far as the provider has told."""
    rows = ProviderMessage.objects.filter(message=message, state__in=["sent", "delivered", "read"])
    return list(rows.values_list("provider_id", flat=True))


def ids_named(*, message: Message) -> list[str]:
    """The provider's ids that are known to be of an answer, oldest first."""
    rows = ProviderMessage.objects.filter(message=message).order_by("pk")
    return list(rows.values_list("provider_id", flat=True))


def _locked(inbox: Inbox, provider_id: str) -> ProviderMessage:
    ProviderMessage.objects.get_or_create(inbox=inbox, provider_id=provider_id[:255])
    rows = ProviderMessage.objects.select_for_update(of=("self",)).select_related("message__ticket")
    return rows.get(inbox=inbox, provider_id=provider_id[:255])


def _claim_lost(row: ProviderMessage, news: DeliveryArrival) -> None:
    """Find the answer that was accepted without our getting to know: the provider repeats its key. It has left after all.

    While it is being sent it is only told whose the id is: whoever sends it, or finds that its worker has died, does the rest.
    """
    # A mail that is sent again has another name: words about the first time are none about the second.
    key, _sign, repetition = news.key.partition("#")
    number = key.removeprefix("message:")
    if number == key or not (number.isascii() and number.isdigit() and len(number) < 18):
        return
    sending = Outbound.objects.filter(idempotency_key=key).first()
    if sending is None or str(sending.payload.get("repetition", 0)) != (repetition or "0"):
        return
    message = (
        Message.objects.filter(pk=int(number), kind=Message.Kind.OUTBOUND)
        .filter(Q(inbox=row.inbox) | Q(inbox=None, ticket__inbox=row.inbox))
        .select_related("ticket")
        .first()
    )
    if message is None:
        return
    # A mail is named by its key and its recipient, also one whom the provider calls by another address than we do.
    of_mail = row.provider_id.startswith(news.key)
    if message.delivery == Message.Delivery.QUEUED:
        if is_leaving(idempotency_key=key):
            row.message = message
            row.save(update_fields=["message"])
        return
    if message.delivery != Message.Delivery.UNCERTAIN:
        # Who was refused at the door is not made good by what another one got. What came back is told, whoever was refused.
        refused = message.delivery == Message.Delivery.FAILED and not ids_named(message=message)
        if of_mail and (news.state == "failed" or not refused):
            row.message = message
            row.save(update_fields=["message"])
        return
    if not arrived_after_all(idempotency_key=key):
        return
    row.message = message
    row.save(update_fields=["message"])
    message.delivery, message.delivery_detail = Message.Delivery.SENT, ""
    message.delivered_at = news.occurred_at
    message.save(update_fields=["delivery", "delivery_detail", "delivered_at"])
    _record(ANSWER_SENT, message, row.inbox, news.occurred_at, {"state": "sent"})


def _bring_state(row: ProviderMessage) -> None:
    """Bring the state to the answer. One of several messages has failed when one of them has, and has come as far as the last."""
    message = row.message
    if message is None or message.kind != Message.Kind.OUTBOUND or row.state in ("", "sent"):
        return
    if message.delivery == Message.Delivery.QUEUED:
        return  # its sender brings it when the answer has left
    told = list(ProviderMessage.objects.filter(message=message))
    weakest = next((one for one in told if one.state == "failed"), None) or min(
        told, key=lambda one: max(_RANKS[one.state], _RANKS["sent"])
    )
    failed = weakest.state == "failed"
    detail = weakest.detail
    if failed and row.state == "failed" and message.delivery == Message.Delivery.FAILED:
        # Another one that it did not reach.
        if row.detail in message.delivery_detail:
            return
        detail = "; ".join(filter(None, (message.delivery_detail, row.detail)))[:300]
    elif weakest.state in ("", "sent", message.delivery) or _was_refused(message):
        return
    message.delivery = Message.Delivery(weakest.state)
    message.delivery_detail = detail
    message.delivered_at = None if failed else weakest.state_at
    message.save(update_fields=["delivery", "delivery_detail", "delivered_at"])
    if failed:
        fail_sent(idempotency_key=f"message:{message.pk}", reason=detail)
    else:
        arrived_after_all(idempotency_key=f"message:{message.pk}")
    MESSAGE_DELIVERED.record(
        by=system_viewer(message.channel),
        subject_id=message.pk,
        ticket_id=message.ticket_id,
        account_id=message.ticket.account_id,
        detail={"state": weakest.state, "reason": detail},
        occurred_at=weakest.state_at or timezone.now(),
    )


def _was_refused(message: Message) -> bool:
    """Whether an answer has failed because a recipient was refused at the door: of that one no provider ever tells anything."""
    if message.delivery != Message.Delivery.FAILED:
        return False
    sending = Outbound.objects.filter(idempotency_key=f"message:{message.pk}").first()
    return sending is not None and bool(sending.payload.get("refused"))


def _bring_reading(row: ProviderMessage, message: Message) -> None:
    """Bring to an answer how far the customer had come before we knew that it had left."""
    threads = ChannelThread.objects.filter(same_person(message.ticket.contact), inbox=row.inbox)
    for thread in threads.exclude(read_until=None, delivered_until=None):
        for state, until in (("delivered", thread.delivered_until), ("read", thread.read_until)):
            sent_at = message.delivered_at or message.created_at
            if until is not None and message.created_at <= until and sent_at <= until + CLOCKS:
                _reach(row, state, until)


def _bring_text(row: ProviderMessage) -> None:
    message = row.message
    if message is None:
        return
    if row.edited_at is not None and message.body_text != row.text:
        before = message.body_text
        message.body_text, message.body_html, message.quote_offsets = row.text, "", []
        message.save(update_fields=["body_text", "body_html", "quote_offsets"])
        index_message(message.pk)
        note_text_changed(message)
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
