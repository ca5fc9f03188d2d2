"""By which ways the customer of a ticket can be answered: e-mail, or a thread at a provider; and which is the obvious one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from core.kept_rows import KeptRows
from customers.models import Contact
from people.models import Team
from tickets.channel import Channel
from tickets.families import family_ids, family_of
from tickets.models import ChannelThread, Inbox, Message, Ticket
from tickets.registry import channels

# Names the mail that leaves from the installation's own address.
NO_INBOX = 0
# In the place of a conversation: by mail, which is in none.
NO_THREAD = 0


@dataclass(frozen=True)
class ReplyRoute:
    """One way to the customer. ``inbox`` is None for mail from the installation's own address.

    ``address`` is how the customer is known there. ``closes_at`` is when the time to answer freely ends, None where there is no
    such limit; ``is_closed`` says that it has. ``thread`` is the conversation at the provider, None for mail.
    """

    channel: Channel
    inbox: Inbox | None
    address: str
    closes_at: datetime | None = None
    is_closed: bool = False
    thread: ChannelThread | None = None

    @property
    def by_mail(self) -> bool:
        """Whether it is e-mail."""
        return self.channel.key == "email"

    @property
    def name(self) -> int:
        """What names the route in forms: the id of its inbox, NO_INBOX without one."""
        return NO_INBOX if self.inbox is None else self.inbox.pk

    @property
    def into(self) -> int:
        """What names the conversation: the id of its thread, NO_THREAD for mail."""
        return NO_THREAD if self.thread is None else self.thread.pk


def reply_routes(ticket: Ticket, messages: Sequence[Message] | None = None) -> list[ReplyRoute]:
    """Return the ways in which the requester of a ticket can be answered, the obvious one first.

    That is the way of the customer's last message where answers leave by it, else e-mail. At most two queries, and
    none for threads while no inbox of such a channel exists.
    """
    routes = _mail_route(ticket)
    inboxes = _answering.get()
    if not inboxes:
        return routes
    now = timezone.now()
    known: dict[int, ReplyRoute] = {}
    for thread in _threads(ticket, list(inboxes)):
        inbox = inboxes[thread.inbox_id]
        known.setdefault(inbox.pk, _into(thread, inbox, ticket, now))
    if not known:
        return routes
    obvious = _last_inbox(ticket, messages)
    found = [*known.values(), *routes]
    return sorted(found, key=lambda one: (one.name != obvious, not one.by_mail))


def reply_route(
    ticket: Ticket, via: int | None = None, thread_key: str = "", into: int | None = None
) -> ReplyRoute | None:
    """Return the way that ``via`` names (None: the obvious one); None when there is none.

    ``thread_key`` asks for one of several conversations that the ticket has in that inbox, else it is the latest; ``into`` for
    the one that a ``ReplyRoute.into`` named before, and for no other.
    """
    if into:
        inboxes = _answering.get()
        found = _threads(ticket, [one for one in inboxes if via in (None, one)])
        known = next((one for one in found if one.pk == into), None)
        return None if known is None else _into(known, inboxes[known.inbox_id], ticket, timezone.now())
    if thread_key:
        inbox = _answering.get().get(via or 0)
        found = [] if inbox is None else _threads(ticket, [inbox.pk])
        thread = next((one for one in found if one.key == thread_key), None)
        return None if inbox is None or thread is None else _into(thread, inbox, ticket, timezone.now())
    routes = _mail_route(ticket) if into == NO_THREAD else reply_routes(ticket)
    if via is None:
        return routes[0] if routes else None
    return next((one for one in routes if one.name == via), None)


def thread_of_answer(message: Message, chosen: int | None = None) -> ChannelThread | None:
    """Return the provider's thread that an answer goes into: of those that it may go into the one with the id ``chosen`` and no
    other; where none was chosen, one of its ticket, else the contact's latest that nobody else reads."""
    if message.inbox_id is None:
        return None
    found = _threads(message.ticket, [message.inbox_id])
    return next((one for one in found if chosen in (None, one.pk)), None)


def _threads(ticket: Ticket, inbox_ids: list[int]) -> list[ChannelThread]:
    """The conversations in which a ticket can be answered: its own, which may be those of several people where tickets were
    merged, then those elsewhere that nobody but its requester reads. The latest first."""
    own = family_of(ticket)
    threads = (
        ChannelThread.objects.filter(
            same_person(ticket.contact) | Q(ticket__in=family_ids(ticket)), inbox__in=inbox_ids
        )
        .exclude(last_inbound_at=None)
        .select_related("contact", "inbox")
        .order_by("-last_inbound_at")
    )
    found = [
        one for one in threads if one.ticket_id in own or channels.get(one.inbox.channel).is_private(one)
    ]
    return sorted(found, key=lambda one: one.ticket_id not in own)


def _into(thread: ChannelThread, inbox: Inbox, ticket: Ticket, now: datetime) -> ReplyRoute:
    """The way into a conversation, under the name of whom it is with."""
    channel = channels.get(inbox.channel)
    return ReplyRoute(
        channel,
        inbox,
        str(person_in(thread, ticket)),
        _closes_at(channel, thread),
        closed_window(channel, thread, now),
        thread,
    )


def person_in(thread: ChannelThread | None, ticket: Ticket) -> Contact:
    """Return who reads an answer there: where tickets of two people were merged, not always the ticket's requester."""
    return ticket.contact if thread is None or thread.contact is None else thread.contact


def same_person(contact: Contact) -> Q:
    """Return the clause for threads of a contact, of who took it over, and of those who were taken over by the same."""
    person = contact.person.pk
    return Q(contact=person) | Q(contact__merged_into=person) | Q(contact__merged_into__merged_into=person)


def closed_window(channel: Channel, thread: ChannelThread, now: datetime) -> bool:
    """Say whether only a template may be sent into a thread now."""
    closes_at = _closes_at(channel, thread)
    return closes_at is not None and closes_at <= now


def _closes_at(channel: Channel, thread: ChannelThread) -> datetime | None:
    window = channel.capabilities.reply_window
    if window is None or thread.last_inbound_at is None:
        return None
    return thread.last_inbound_at + window


def _mail_route(ticket: Ticket) -> list[ReplyRoute]:
    if not ticket.contact.email:
        return []
    inbox = ticket.inbox
    # A web form may have an address of its own from which its answers leave.
    if inbox is not None and inbox.channel != "email" and not inbox.address:
        inbox = _mailing.get()
    return [ReplyRoute(channels.get("email"), inbox, ticket.contact.email)]


def _last_inbox(ticket: Ticket, messages: Sequence[Message] | None) -> int | None:
    """The inbox of the last message that a customer wrote."""
    if messages is None:
        written = Message.objects.filter(
            ticket__in=family_ids(ticket), kind=Message.Kind.INBOUND, is_automatic=False
        )
        last = written.order_by("-created_at", "-pk").only("inbox_id").first()
    else:
        found = [one for one in messages if one.kind == Message.Kind.INBOUND and not one.is_automatic]
        last = found[-1] if found else None
    return None if last is None else last.inbox_id


def _read_answering() -> dict[int, Inbox]:
    """The active inboxes whose channel sends answers into threads."""
    keys = [one.key for one in channels if one.answers and one.key != "email"]
    return {one.pk: one for one in Inbox.objects.filter(is_active=True, channel__in=keys)}


def _read_mailing() -> Inbox | None:
    """The oldest active e-mail inbox, through which people of other channels get their mails."""
    return Inbox.objects.filter(is_active=True, channel="email").order_by("pk").first()


_mailing = KeptRows(_read_mailing, Inbox, Team)
_answering = KeptRows(_read_answering, Inbox, Team)
