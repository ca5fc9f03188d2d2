"""Write on an answer what became of it when it left or could not leave yet, whatever the channel."""

from django.utils import timezone

from core.events import EventType
from core.models import Outbound
from people.viewer import system_viewer
from tickets.channels.email.events import ANSWER_DELAYED, ANSWER_FAILED, ANSWER_SENT
from tickets.message_text import one_line
from tickets.models import AnswerUndo, Message

# As much of a reason is kept where there are two.
_HALF = 145


def settle_answer(outbound: Outbound) -> Message | None:
    """Bring the final state of an outbox row to its message and tell those who look at it; in the caller's transaction.

    Returns the message when it was sent. What was cancelled, or came back meanwhile, stays as it is; that others could not
    be reached either is told beside what came back.
    """
    message = Message.objects.filter(pk=outbound.payload["message"]).select_related("ticket").first()
    if message is None or outbound.state == Outbound.State.CANCELLED:
        return None
    if message.delivery == Message.Delivery.BOUNCED:
        if outbound.state != Outbound.State.SENT:
            message.delivery_detail = both_reasons(came_back(message.delivery_detail), outbound.last_error)
            message.save(update_fields=["delivery_detail"])
            _record(ANSWER_FAILED, message, outbound)
        return None
    AnswerUndo.objects.filter(message=message).delete()
    message.delivery = {
        Outbound.State.SENT: Message.Delivery.SENT,
        Outbound.State.FAILED: Message.Delivery.FAILED,
        Outbound.State.UNCERTAIN: Message.Delivery.UNCERTAIN,
    }.get(Outbound.State(outbound.state), Message.Delivery.NONE)
    message.delivery_detail = outbound.last_error[:300]
    sent = outbound.state == Outbound.State.SENT
    message.delivered_at = timezone.now() if sent else None
    message.leaves_at = message.next_try_at = None
    message.save(update_fields=["delivery", "delivery_detail", "delivered_at", "leaves_at", "next_try_at"])
    _record(ANSWER_SENT if sent else ANSWER_FAILED, message, outbound)
    return message if sent else None


def both_reasons(bounced: str, failed: str) -> str:
    """Why a mail came back from some, and why others could not be reached, on a line each."""
    return f"{one_line(bounced, _HALF)}\n{one_line(failed, _HALF)}" if failed else bounced


def came_back(reasons: str) -> str:
    """The first of ``both_reasons``."""
    return reasons.partition("\n")[0]


def with_bounce(message: Message, reason: str) -> str:
    """The ``delivery_detail`` of an answer that came back now: beside what came back before, and whoever could not be reached."""
    before, failed = "", ""
    if message.delivery == Message.Delivery.BOUNCED:
        before, _line, failed = message.delivery_detail.partition("\n")
    elif message.delivery in (Message.Delivery.FAILED, Message.Delivery.UNCERTAIN):
        failed = message.delivery_detail
    is_told = not before or reason in before.split("; ")
    bounced = (before or reason) if is_told else f"{before}; {reason}"
    return both_reasons(one_line(bounced, 300), failed)


def _record(event: EventType, message: Message, outbound: Outbound) -> None:
    event.record(
        by=system_viewer("outbox"),
        subject_id=message.pk,
        ticket_id=message.ticket_id,
        account_id=message.ticket.account_id,
        detail={"state": outbound.state, "reason": outbound.last_error[:300]},
    )


def delay_answer(outbound: Outbound) -> None:
    """Show on its message that an outbox row has not left yet, why, and when it is tried again; in the caller's transaction."""
    message = Message.objects.filter(pk=outbound.payload["message"]).select_related("ticket").first()
    if message is None or message.delivery != Message.Delivery.QUEUED:
        return
    is_first = message.next_try_at is None
    message.next_try_at, message.leaves_at = outbound.not_before, None
    message.delivery_detail = outbound.last_error[:300]
    message.save(update_fields=["next_try_at", "leaves_at", "delivery_detail"])
    if is_first:
        ANSWER_DELAYED.record(
            by=system_viewer("outbox"),
            subject_id=message.pk,
            ticket_id=message.ticket_id,
            account_id=message.ticket.account_id,
            detail={"reason": message.delivery_detail},
        )
