"""The one door for what customers write, whatever the channel: joins a ticket or opens one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from customers.services.save_contact import Writer, identify_contact, identify_contacts
from people.models import Team
from people.viewer import Viewer, contact_viewer
from tickets.events import MESSAGE_RECEIVED, TICKET_CREATED
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.message_text import one_line, preview, storable
from tickets.models import Attachment, Inbox, Message, MessageAlias, Status, Ticket
from tickets.search_index import index_new_messages, index_new_ticket, index_ticket
from tickets.services.apply_sla import choose_policy, note_customer_waits, set_deadlines
from tickets.services.change_status import move_to
from tickets.services.snooze_ticket import wake
from tickets.status_rows import status_of
from tickets.stored_files import store_files
from tickets.ticket_rows import RANKS, lock_ticket, lock_where_it_goes_on, next_numbers, save_ticket

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


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A message on its way in: by whom, from which moment on, and the ticket that it follows up."""

    incoming: IncomingMessage
    external_id: str
    inbox: Inbox | None
    contact: Contact
    actor: Actor
    now: datetime
    follows: Ticket | None = None


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


@transaction.atomic
def receive_new(*, arrivals: Sequence[tuple[IncomingMessage, Inbox]], by: Viewer) -> list[Received]:
    """Open a ticket for each of several messages, in their order, with as many statements as one of them takes.

    For a channel that knows of them what ``receive_message`` finds out: that each is new and none belongs to a ticket. ``by`` is
    the system. Raises ValidationError for an address that is none and IntegrityError for a message that is known after all or
    a contact that was added at the same moment; nothing is written then.
    """
    writers = [
        Writer(_identity(one.sender), one_line(storable(one.sender_name), 160), one.address_proven)
        for one, _inbox in arrivals
    ]
    contacts = identify_contacts(writers=writers, by=by)
    messages = _open_tickets(
        [
            _Arrival(
                incoming=incoming,
                external_id=storable(incoming.external_id)[:255],
                inbox=inbox,
                contact=contact,
                actor=contact_viewer(contact.pk, by.source),
                now=incoming.occurred_at or timezone.now(),
            )
            for (incoming, inbox), contact in zip(arrivals, contacts, strict=True)
        ]
    )
    return [Received(message, "created") for message in messages]


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
    arrival = _Arrival(incoming, external_id, inbox, contact, actor, now)
    if joined is None or _is_over(joined, now, incoming.is_automatic):
        [message] = _open_tickets([replace(arrival, follows=joined)])
        return Received(message, "created" if joined is None else "follow_up")
    [message] = _add_messages([(joined, arrival)])
    MESSAGE_RECEIVED.record(by=actor, **_coming(message))
    indexed = joined.account_id, joined.subject
    _note_arrival(joined, message, contact, actor, now)
    save_ticket(joined)
    if indexed != (joined.account_id, joined.subject):
        index_ticket(joined.pk)
    return Received(message, "appended")


def _identity(sender: Identity | str) -> Identity:
    """Whom the channel knows the writer as, in a form that can be stored."""
    if isinstance(sender, str):
        return Identity.email(storable(sender))
    return Identity(sender.kind, storable(sender.value))


def known_message(channel: str, external_id: str) -> Message | None:
    """Return the message that a channel has delivered before under this id."""
    if not external_id:
        return None
    known = Message.objects.filter(channel=channel, external_id=external_id)
    # Nearly every message is new: its row and its ticket's are read only where there are any.
    pk = known.values_list("pk", flat=True).first()
    return None if pk is None else Message.objects.select_related("ticket").filter(pk=pk).first()


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


def _open_tickets(arrivals: Sequence[_Arrival]) -> list[Message]:
    """Open a ticket for each message, and return the messages."""
    tickets = [_ticket_for(arrival) for arrival in arrivals]
    _insert_tickets(tickets)
    messages = _add_messages(list(zip(tickets, arrivals, strict=True)), opens=True)
    told: list[tuple[EventType, dict[str, Any]]] = []
    for message, arrival in zip(messages, arrivals, strict=True):
        told.append((TICKET_CREATED, _opening(message.ticket) | {"by": arrival.actor}))
        told.append((MESSAGE_RECEIVED, _coming(message) | {"by": arrival.actor}))
    record_together(by=arrivals[0].actor, entries=told)
    return messages


def _ticket_for(arrival: _Arrival) -> Ticket:
    incoming, follows = arrival.incoming, arrival.follows
    inbox = arrival.inbox or (None if follows is None else follows.inbox)
    return _new_ticket(
        subject=incoming.subject or ("" if follows is None else follows.subject),
        channel=incoming.channel,
        contact=arrival.contact,
        inbox=inbox or _inboxes.get().get(incoming.channel),
        now=arrival.now,
        follows=follows,
        body=preview(storable(incoming.text), incoming.folds),
        waiting_since=None if incoming.is_automatic else arrival.now,
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
    ticket = _new_ticket(
        subject=subject, channel=channel, contact=contact, inbox=inbox, now=now, follows=None, body=body
    )
    _insert_tickets([ticket])
    TICKET_CREATED.record(by=actor, **_opening(ticket))
    index_new_ticket(ticket)
    return ticket


def _new_ticket(
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
    """Return the row to be inserted, complete but for its number.

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
    return ticket


def _insert_tickets(tickets: Sequence[Ticket]) -> None:
    """Give the tickets their numbers and write them.

    Only when everything about them is known: whoever opens a ticket next waits for the counter until our commit.
    """
    for ticket, number in zip(tickets, next_numbers(len(tickets)), strict=True):
        ticket.number = number
    Ticket.objects.bulk_create(tickets)


def _opening(ticket: Ticket) -> dict[str, Any]:
    """What TICKET_CREATED tells."""
    return {
        "subject_id": ticket.pk,
        "ticket_id": ticket.pk,
        "account_id": ticket.account_id,
        "detail": {"channel": ticket.channel, "follows": ticket.follow_up_of_id},
        "occurred_at": ticket.created_at,
    }


def _coming(message: Message) -> dict[str, Any]:
    """What MESSAGE_RECEIVED tells."""
    return {
        "subject_id": message.pk,
        "ticket_id": message.ticket_id,
        "account_id": message.ticket.account_id,
        "detail": {
            "contact": message.contact_id,
            "channel": message.channel,
            "automatic": message.is_automatic,
        },
        "occurred_at": message.created_at,
    }


def _read_inboxes() -> dict[str, Inbox]:
    """The oldest active inbox of each channel."""
    inboxes = Inbox.objects.filter(is_active=True).select_related("default_team").order_by("-pk")
    return {inbox.channel: inbox for inbox in inboxes}


_inboxes = KeptRows(_read_inboxes, Inbox, Team)


def _add_messages(arrivals: Sequence[tuple[Ticket, _Arrival]], *, opens: bool = False) -> list[Message]:
    """Write messages with their files and aliases, each into its ticket, which it ``opens`` or joins."""
    messages = Message.objects.bulk_create([_new_message(ticket, arrival) for ticket, arrival in arrivals])
    files = [arrival.incoming.files for _ticket, arrival in arrivals]
    _attach(list(zip(messages, files, strict=True)), opens=opens)
    aliases: dict[str, Ticket] = {}
    for ticket, arrival in arrivals:
        for alias in arrival.incoming.aliases:
            if alias:
                aliases.setdefault(storable(alias)[:255], ticket)
    # In one order, so that two who add the same wait for each other once and not in a circle.
    rows = [MessageAlias(ticket=ticket, message_id=alias) for alias, ticket in sorted(aliases.items())]
    MessageAlias.objects.bulk_create(rows, ignore_conflicts=True)
    return messages


def _new_message(ticket: Ticket, arrival: _Arrival) -> Message:
    incoming = arrival.incoming
    return Message(
        ticket=ticket,
        kind=Message.Kind.INBOUND,
        channel=incoming.channel,
        inbox=arrival.inbox or ticket.inbox,
        contact=arrival.contact,
        subject=one_line(storable(incoming.subject), 300),
        body_text=storable(incoming.text),
        body_html=storable(incoming.html),
        quote_offsets=[list(fold) for fold in incoming.folds],
        recipients=dict(incoming.recipients or {}),
        external_id=arrival.external_id,
        facts=dict(incoming.facts),
        is_automatic=incoming.is_automatic,
        created_at=arrival.now,
    )


def add_files(message: Message, files: Sequence[IncomingFile]) -> None:
    """Keep the files of a new message, and index it with their names."""
    _attach([(message, files)])


def _attach(messages: Sequence[tuple[Message, Sequence[IncomingFile]]], *, opens: bool = False) -> None:
    """Keep the files of new messages, and index these with their names; the tickets too that they ``open``."""
    given = [(message, file) for message, files in messages for file in files]
    places = store_files([file.content for _message, file in given])
    rows = [
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
        for (message, file), (sha256, key) in zip(given, places, strict=True)
    ]
    Attachment.objects.bulk_create(rows)
    names: dict[int, list[str]] = {message.pk: [] for message, _files in messages}
    for row in rows:
        names[row.message_id].append(row.name)
    index_new_messages([(message, names[message.pk]) for message, _files in messages], opens=opens)


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
