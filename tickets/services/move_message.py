"""Move a message to another ticket, or open a ticket of its own for it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Event
from people.viewer import Viewer
from tickets.events import MESSAGE_MOVED_AWAY, MESSAGE_MOVED_HERE, SPLIT
from tickets.message_text import one_line, preview, storable
from tickets.models import MailLedger, Message, MessageAlias, Status, Ticket, TicketLink
from tickets.search_index import index_message
from tickets.services.apply_sla import set_deadlines
from tickets.services.merge_tickets import private_team_of
from tickets.services.receive_message import start_ticket
from tickets.services.recount_messages import recount_messages
from tickets.services.score_messages import weigh_conversations
from tickets.ticket_rows import lock_both, lock_ticket, save_ticket


@transaction.atomic
def move_message(*, message: Message, to: Ticket, by: Viewer) -> Message:
    """Move a customer's message or a note, with its files, to another ticket of the same customer.

    Answers to it arrive there, too. Both tickets are counted anew. Moving it back undoes it. Raises ValidationError naming
    ``to`` or ``message``.
    """
    by.require("tickets.edit")
    if message.ticket_id == to.pk:
        raise ValidationError({"to": _("The message is in this ticket already.")})
    source, target = lock_both(message.ticket_id, to.pk, by)
    message = _locked_message(message.pk, source)
    _refuse_target(message, source, target)
    _carry(message, source, target, by)
    return message


@transaction.atomic
def split_ticket(*, ticket: Ticket, message: Message, subject: str, by: Viewer) -> Ticket:
    """Open a ticket of its own for a customer's message; the message moves there and the two tickets are linked.

    The new ticket is as old as the message, has its writer as requester and is routed like any new one; only a private
    team keeps it. Merging it back undoes the split. Raises ValidationError naming ``message``.
    """
    by.require("tickets.edit")
    by.require("tickets.create")
    source = lock_ticket(ticket.pk, by)
    message = _locked_message(message.pk, source)
    if message.kind != Message.Kind.INBOUND or message.contact is None:
        raise ValidationError({"message": _("Only what a customer wrote can become a ticket of its own.")})
    target = start_ticket(
        subject=subject.strip() or message.subject or source.subject,
        channel=message.channel,
        contact=message.contact,
        inbox=source.inbox,
        now=message.created_at,
        actor=by,
        body=preview(message.body_text, message.quote_offsets),
    )
    if private_team_of(source) is not None:
        target.team = source.team
    TicketLink.objects.create(
        from_ticket=source, to_ticket=target, kind=TicketLink.Kind.SPLIT, created_by_id=by.user_id
    )
    event = SPLIT.record(
        by=by,
        subject_id=source.pk,
        ticket_id=source.pk,
        account_id=source.account_id,
        detail={"to": target.pk, "number": target.number},
    )
    _carry(message, source, target, by, cause=event)
    return target


def _locked_message(message_id: int, source: Ticket) -> Message:
    """The message, if it is in the locked ticket and may leave it."""
    message = Message.objects.select_related("contact__account").filter(pk=message_id, ticket=source).first()
    if message is None:
        raise ValidationError({"message": _("The message is no longer in this ticket.")})
    if message.kind == Message.Kind.OUTBOUND:
        raise ValidationError({"message": _("An answer stays where the customer's next mail will arrive.")})
    others = source.messages.exclude(pk=message.pk).exclude(kind=Message.Kind.NOTE)
    if message.kind == Message.Kind.INBOUND and not others.exists():
        raise ValidationError(
            {"message": _("It is the only message of this ticket: merge the ticket instead.")}
        )
    return message


def _refuse_target(message: Message, source: Ticket, target: Ticket) -> None:
    if target.status_category == Status.Category.CLOSED:
        raise ValidationError({"to": _("#%d is closed.") % target.number})
    if private_team_of(source) != private_team_of(target):
        raise ValidationError({"to": _("A message of a private team stays with its team.")})
    same_account = source.account_id is not None and source.account_id == target.account_id
    if not same_account and target.contact_id not in {source.contact_id, message.contact_id}:
        raise ValidationError({"to": _("The other ticket belongs to another customer.")})


def _carry(
    message: Message, source: Ticket, target: Ticket, by: Viewer, *, cause: Event | None = None
) -> None:
    """Move the rows of a message, count both tickets anew and leave a line in each."""
    message.ticket = target
    message.save(update_fields=["ticket"])
    if message.external_id:
        MessageAlias.objects.filter(message_id=message.external_id, ticket=source).update(ticket=target)
    MailLedger.objects.filter(message=message).update(ticket=target)
    index_message(message.pk)
    if message.kind == Message.Kind.INBOUND and target.status_category in Status.ACTIVE:
        target.unread = True
    event = MESSAGE_MOVED_AWAY.record(
        by=by,
        subject_id=message.pk,
        ticket_id=source.pk,
        account_id=source.account_id,
        detail={"ticket": target.pk, "number": target.number},
        cause=cause,
    )
    MESSAGE_MOVED_HERE.record(
        by=by,
        subject_id=message.pk,
        ticket_id=target.pk,
        account_id=target.account_id,
        detail={"ticket": source.pk, "number": source.number},
        cause=event,
    )
    for ticket in (source, target):
        recount_messages(ticket)
        set_deadlines(ticket)
        save_ticket(ticket)
        weigh_conversations({ticket.pk: ticket}, by, {ticket.pk: event})


def subject_of_split(message: Message) -> str:
    """The subject to offer for a ticket that a message opens: the first line of what is new in it."""
    line = storable(preview(message.body_text, message.quote_offsets))
    return one_line(line, 80) or message.subject
