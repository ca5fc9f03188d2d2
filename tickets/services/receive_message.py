"""The one door for what customers write, whatever the channel: joins a ticket or opens one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.actors import Actor
from core.events import EventType, record_together
from core.kept_rows import KeptRows
from core.models import Setting
from customers.identities import Identity
from customers.models import Contact
from customers.services.save_contact import identify_contact
from people.models import Team
from people.viewer import Viewer, contact_viewer
from tickets.events import MESSAGE_RECEIVED, TICKET_CREATED
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.message_text import one_line, preview, storable
from tickets.models import Attachment, Inbox, Message, MessageAlias, Status, Ticket
from tickets.search_index import index_new_message, index_new_ticket, index_ticket
from tickets.services.apply_sla import choose_policy, note_customer_waits, set_deadlines
from tickets.services.change_status import move_to
from tickets.services.snooze_ticket import wake
from tickets.status_rows import status_of
from tickets.stored_files import store_file
from tickets.ticket_rows import RANKS, lock_ticket, lock_where_it_goes_on, next_number, save_ticket

REOPEN_DAYS = 7
NO_SUBJECT = "(no subject)"

Outcome = Literal["created", "appended", "follow_up", "duplicate"]


@dataclass(frozen=True)
class Received:
    """The message, with its ticket, and what became of it."""

    message: Message
    outcome: Outcome

    @property
    def ticket(self) -> Ticket:
        """The ticket that the message is in."""
        return self.message.ticket


def receive_message(
    *, incoming: IncomingMessage, by: Viewer, inbox: Inbox | None = None, ticket: Ticket | None = None
) -> Received:
    """Store a message from a customer in ``ticket``, or in a new one.

    A ticket that is closed, or has been resolved for longer than the days of grace, is left as it is: the message opens a
    ticket that follows it up, unless it is automatic. Within grace the ticket is reopened. Automatic messages neither
    reopen a ticket nor make anybody wait. A message that is known by its external id is returned as a duplicate.

    ``by`` is the system for channels in which the customer itself acts (events then name the contact), else somebody
    who may create tickets. Raises PermissionDenied, ValidationError for an address that is none, and IntegrityError when
    the same contact keeps being added at once.
    """
    if by.kind != "system":
        by.require("tickets.create")
    for _attempt in range(3):
        try:
            with transaction.atomic():
                return _receive(incoming, by, inbox, ticket)
        except IntegrityError as error:
            # Somebody else added the same contact or message at the same moment: now it can be found.
            clash = error
    raise clash


def _receive(incoming: IncomingMessage, by: Viewer, inbox: Inbox | None, ticket: Ticket | None) -> Received:
    external_id = storable(incoming.external_id)[:255]
    known = known_message(incoming.channel, external_id)
    if known is not None:
        return Received(known, "duplicate")
    now = incoming.occurred_at or timezone.now()
    joined = None if ticket is None else lock_where_it_goes_on(ticket.pk)
    contact = identify_contact(
        identity=_identity(incoming.sender),
        name=one_line(storable(incoming.sender_name), 160),
        by=by,
        verified=incoming.address_proven and (incoming.sender_verified or joined is None),
    )
    actor = contact_viewer(contact.pk, by.source) if by.kind == "system" else by
    outcome: Outcome = "appended"
    told: list[tuple[EventType, dict[str, Any]]] = []
    if joined is None or _is_over(joined, now, incoming.is_automatic):
        outcome = "created" if joined is None else "follow_up"
        joined = _open_ticket(incoming, contact, inbox, now, follows=joined)
        told.append((TICKET_CREATED, _opening(joined)))
    message = _add_message(joined, incoming, contact, external_id, now, inbox, opens=outcome != "appended")
    arrival = {
        "subject_id": message.pk,
        "ticket_id": joined.pk,
        "account_id": joined.account_id,
        "detail": {"contact": contact.pk, "channel": message.channel, "automatic": message.is_automatic},
        "occurred_at": now,
    }
    record_together(by=actor, entries=[*told, (MESSAGE_RECEIVED, arrival)])
    if outcome == "appended":
        indexed = joined.account_id, joined.subject
        _note_arrival(joined, message, contact, actor, now)
        save_ticket(joined)
        if indexed != (joined.account_id, joined.subject):
            index_ticket(joined.pk)
    return Received(message, outcome)


def _identity(sender: Identity | str) -> Identity:
    """Whom the channel knows the writer as, in a form that can be stored."""
    if isinstance(sender, str):
        return Identity.email(storable(sender))
    return Identity(sender.kind, storable(sender.value))


def known_message(channel: str, external_id: str) -> Message | None:
    """Return the message that a channel has delivered before under this id."""
    if not external_id:
        return None
    return Message.objects.filter(channel=channel, external_id=external_id).select_related("ticket").first()


def _is_over(ticket: Ticket, now: datetime, is_automatic: bool) -> bool:
    """Whether a message must open a ticket of its own that follows this one up."""
    if is_automatic or ticket.status.category in Status.ACTIVE:
        return False
    if ticket.status.category == Status.Category.CLOSED:
        return True
    return ticket.resolved_at is not None and now - ticket.resolved_at > timedelta(days=reopen_days())


def reopen_days() -> int:
    """Return how many days after its solution a ticket is reopened by an answer of the customer."""
    setting = Setting.objects.filter(pk="tickets.reopen_days").first()
    return REOPEN_DAYS if setting is None else int(setting.value)


def _open_ticket(
    incoming: IncomingMessage, contact: Contact, inbox: Inbox | None, now: datetime, follows: Ticket | None
) -> Ticket:
    return _insert_ticket(
        subject=incoming.subject or ("" if follows is None else follows.subject),
        channel=incoming.channel,
        contact=contact,
        inbox=inbox or (None if follows is None else follows.inbox) or _inboxes.get().get(incoming.channel),
        now=now,
        follows=follows,
        body=preview(storable(incoming.text), incoming.folds),
        waiting_since=None if incoming.is_automatic else now,
        inbound_count=1,
    )


def start_ticket(
    *,
    subject: str,
    channel: str,
    contact: Contact,
    inbox: Inbox | None,
    now: datetime,
    actor: Actor,
    body: str = "",
) -> Ticket:
    """Insert a ticket with its number, promise and event. Its messages are the caller's to add."""
    ticket = _insert_ticket(
        subject=subject, channel=channel, contact=contact, inbox=inbox, now=now, follows=None, body=body
    )
    TICKET_CREATED.record(by=actor, **_opening(ticket))
    index_new_ticket(ticket)
    return ticket


def _insert_ticket(
    *,
    subject: str,
    channel: str,
    contact: Contact,
    inbox: Inbox | None,
    now: datetime,
    follows: Ticket | None,
    body: str,
    waiting_since: datetime | None = None,
    inbound_count: int = 0,
) -> Ticket:
    """Write the row, complete and once.

    A private team of the inbox, or of the ticket that this one follows, has the ticket from its first moment; any other team
    is routing's choice.
    """
    team = None if inbox is None else inbox.default_team
    if follows is not None and follows.team is not None and follows.team.is_private:
        team = follows.team
    ticket = Ticket(
        subject=one_line(storable(subject), 300) or NO_SUBJECT,
        inbox=inbox,
        channel=channel,
        account=contact.account,
        contact=contact,
        language=contact.language,
        status=status_of("new"),
        value_at_risk=0.0 if contact.account is None else float(contact.account.value_at_risk or 0),
        priority=Ticket.Priority.NORMAL,
        priority_rank=RANKS[Ticket.Priority.NORMAL],
        team=team if team is not None and team.is_private else None,
        follow_up_of=follows,
        created_at=now,
        updated_at=now,
        last_message_at=now,
        last_message_preview=body,
        waiting_since=waiting_since,
        inbound_count=inbound_count,
    )
    ticket.sla_policy = choose_policy(ticket)
    set_deadlines(ticket, changes=())
    # Last of all, because whoever opens a ticket next waits for the counter until our commit.
    ticket.number = next_number()
    ticket.save(force_insert=True)
    return ticket


def _opening(ticket: Ticket) -> dict[str, Any]:
    """What TICKET_CREATED tells."""
    return {
        "subject_id": ticket.pk,
        "ticket_id": ticket.pk,
        "account_id": ticket.account_id,
        "detail": {"channel": ticket.channel, "follows": ticket.follow_up_of_id},
        "occurred_at": ticket.created_at,
    }


def _read_inboxes() -> dict[str, Inbox]:
    """The oldest active inbox of each channel."""
    inboxes = Inbox.objects.filter(is_active=True).select_related("default_team").order_by("-pk")
    return {inbox.channel: inbox for inbox in inboxes}


_inboxes = KeptRows(_read_inboxes, Inbox, Team)


def _add_message(
    ticket: Ticket,
    incoming: IncomingMessage,
    contact: Contact,
    external_id: str,
    now: datetime,
    inbox: Inbox | None,
    *,
    opens: bool,
) -> Message:
    message = Message.objects.create(
        ticket=ticket,
        kind=Message.Kind.INBOUND,
        channel=incoming.channel,
        inbox=inbox or ticket.inbox,
        contact=contact,
        subject=one_line(storable(incoming.subject), 300),
        body_text=storable(incoming.text),
        body_html=storable(incoming.html),
        quote_offsets=[list(fold) for fold in incoming.folds],
        recipients=dict(incoming.recipients or {}),
        external_id=external_id,
        facts=dict(incoming.facts),
        is_automatic=incoming.is_automatic,
        created_at=now,
    )
    add_files(message, incoming.files, opens=opens)
    aliases = dict.fromkeys(storable(alias)[:255] for alias in incoming.aliases if alias)
    MessageAlias.objects.bulk_create(
        [MessageAlias(ticket=ticket, message_id=alias) for alias in aliases], ignore_conflicts=True
    )
    return message


def add_files(message: Message, files: Sequence[IncomingFile], *, opens: bool = False) -> None:
    """Keep the files of a new message, and index it with their names; its ticket too, when it ``opens`` one."""
    rows = []
    for file in files:
        sha256, key = store_file(file.content)
        rows.append(
            Attachment(
                message=message,
                name=one_line(storable(file.name), 255) or "attachment",
                content_type=storable(file.content_type)[:120],
                content_id=storable(file.content_id)[:255],
                is_inline=file.is_inline,
                size=len(file.content),
                sha256=sha256,
                storage_key=key,
            )
        )
    Attachment.objects.bulk_create(rows)
    index_new_message(message, [row.name for row in rows], opens=opens)


def _note_arrival(ticket: Ticket, message: Message, contact: Contact, actor: Actor, now: datetime) -> None:
    """Bring the list columns of a ticket up to date with a message that joined it, and reopen it when due.

    Messages may come late and in any order: what a ticket shows depends on when they were written. But what comes in after an
    answer or a solution has not been seen by whoever gave that, so it makes the customer wait and reopens, whenever it was
    written.
    """
    ticket.inbound_count += 1
    if now >= ticket.last_message_at:
        ticket.last_message_at = now
        ticket.last_message_preview = preview(message.body_text, message.quote_offsets)
        ticket.last_message_inbound = True
    if now < ticket.created_at:
        _open_earlier(ticket, message, now)
    if ticket.account_id is None and contact.pk == ticket.contact_id:
        ticket.account = contact.account
    if message.is_automatic:
        return
    ticket.unread = True
    # What follows from it never stands before what it undoes.
    at = max(now, ticket.resolved_at or now)
    wake(ticket, by=actor, reason="customer_wrote", at=at)
    note_customer_waits(ticket, now)
    if ticket.status.category not in {Status.Category.NEW, Status.Category.OPEN}:
        move_to(ticket, status_of("open"), by=actor, reason="customer_wrote", at=at)
        ticket.unread = True


def _open_earlier(ticket: Ticket, message: Message, now: datetime) -> None:
    """Let a ticket begin with a message that was written before the one which opened it. Words that a person has chosen stay."""
    opening = ticket.messages.exclude(pk=message.pk).order_by("created_at", "pk").first()
    if opening is None or opening.kind != Message.Kind.INBOUND or opening.channel != message.channel:
        return
    if ticket.subject == (opening.subject or NO_SUBJECT):
        ticket.subject = message.subject or NO_SUBJECT
    ticket.created_at = now
    set_deadlines(ticket)


def note_text_changed(message: Message) -> None:
    """Bring the list columns up to date with a message whose text was changed by who wrote it; in the caller's transaction."""
    ticket = lock_ticket(message.ticket_id)
    newest = ticket.messages.exclude(kind=Message.Kind.NOTE).order_by("-created_at", "-pk").first()
    if newest is not None and newest.pk == message.pk:
        ticket.last_message_preview = preview(message.body_text, message.quote_offsets)
        save_ticket(ticket)
