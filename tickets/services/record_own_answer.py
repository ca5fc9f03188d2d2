"""Record what a colleague has answered at the provider itself: nothing is sent, everything else is as with an answer."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.outbox import TemporaryFailure
from people.models import User
from people.viewer import Viewer
from tickets.channel import MessageArrival
from tickets.events import ASSIGNED, REPLIED
from tickets.incoming import IncomingFile
from tickets.message_text import preview, storable
from tickets.models import ChannelPayload, ChannelThread, Inbox, Message, Status, Ticket
from tickets.services.apply_sla import next_due, note_answer
from tickets.services.change_status import move_to
from tickets.services.note_provider_message import note_known
from tickets.services.receive_message import add_files, known_message
from tickets.status_rows import status_of
from tickets.ticket_rows import lock_where_it_goes_on, save_ticket

# So long an answer waits for the message that it answers; what a colleague has begun itself never becomes a ticket.
PATIENCE = timedelta(minutes=3)


def colleague_of(arrival: MessageArrival) -> User | None:
    """Return the active user who has written a message at the provider, None for a customer's."""
    if not arrival.colleague_email:
        return None
    return User.objects.filter(email__iexact=arrival.colleague_email, is_active=True).first()


@transaction.atomic
def record_own_answer(*, inbox: Inbox, arrival: MessageArrival, author: User) -> Message | None:
    """Add the answer to the ticket of its thread: it stops the clocks, opens a new ticket and takes one that nobody has.

    Returns None for what is left alone: a thread that a colleague has begun, or a person who may not answer this ticket. Can be
    repeated. Raises TemporaryFailure while the customer's message may still be on its way.
    """
    external_id = f"{inbox.pk}:{arrival.message_id}"[:255]
    known = known_message(inbox.channel, external_id)
    if known is not None:
        return known
    thread = ChannelThread.objects.filter(inbox=inbox, key=arrival.thread_key[:255]).first()
    if thread is None or thread.ticket_id is None:
        if _may_still_come(inbox, arrival):
            raise TemporaryFailure(_("The message that it answers has not come yet."))
        return None
    by = author.as_viewer().through(inbox.channel)
    ticket = lock_where_it_goes_on(thread.ticket_id)
    if not by.can("tickets.reply") or not Ticket.objects.visible_to(by).filter(pk=ticket.pk).exists():
        return None
    message = _add(ticket, inbox, arrival, author, external_id)
    note_known(inbox=inbox, provider_id=arrival.message_id, message=message)
    _bring(ticket, message, by)
    return message


def _may_still_come(inbox: Inbox, arrival: MessageArrival) -> bool:
    """Whether the message that begins the thread may be on its way: told of later, or kept and not read yet."""
    if arrival.message_id == arrival.thread_key:
        return False
    told_at = arrival.received_at or arrival.occurred_at
    waiting = ChannelPayload.objects.filter(
        inbox=inbox, state=ChannelPayload.State.RECEIVED, received_at__lt=told_at
    )
    return timezone.now() - told_at < PATIENCE or waiting.exists()


def _add(ticket: Ticket, inbox: Inbox, arrival: MessageArrival, author: User, external_id: str) -> Message:
    message = Message.objects.create(
        ticket=ticket,
        kind=Message.Kind.OUTBOUND,
        channel=inbox.channel,
        inbox=inbox,
        author=author,
        subject=ticket.subject,
        body_text=storable(arrival.text),
        external_id=external_id,
        delivery=Message.Delivery.SENT,
        created_at=arrival.occurred_at,
    )
    add_files(message, [file for file in arrival.files if isinstance(file, IncomingFile)])
    return message


def _bring(ticket: Ticket, message: Message, by: Viewer) -> None:
    """What an answer changes on its ticket; one that comes late does not answer what was written after it."""
    at = message.created_at
    event = REPLIED.record(
        by=by, subject_id=message.pk, ticket_id=ticket.pk, account_id=ticket.account_id, occurred_at=at
    )
    ticket.outbound_count += 1
    if at >= ticket.last_message_at:
        ticket.last_message_at = at
        ticket.last_message_preview = preview(message.body_text)
        ticket.last_message_inbound = False
        ticket.unread = False
    newer = ticket.messages.filter(kind=Message.Kind.INBOUND, is_automatic=False, created_at__gt=at)
    if not newer.exists():
        note_answer(ticket, at)
    elif ticket.first_responded_at is None:
        ticket.first_responded_at = at
    if ticket.assignee_id is None:
        ticket.assignee_id = message.author_id
        ticket.assigned_reason = _("Answered first")
        ASSIGNED.record(
            by=by,
            subject_id=ticket.pk,
            ticket_id=ticket.pk,
            account_id=ticket.account_id,
            detail={
                "from": None,
                "to": message.author_id,
                "reason": ticket.assigned_reason,
                "automatic": True,
            },
            cause=event,
        )
    if ticket.status.category == Status.Category.NEW:
        move_to(ticket, status_of("open"), by=by, reason="reply", at=at, cause=event)
    ticket.next_due_at = next_due(ticket)
    save_ticket(ticket)
