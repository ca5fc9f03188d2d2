"""Whom an answer goes to: computed from the message it answers, never taken from a browser."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, prefetch_related_objects

from core.kept_rows import KEEP_LONG_SECONDS, KeptRows
from customers.models import ContactIdentity
from tickets.families import family_ids
from tickets.models import Inbox, Message, Ticket


@dataclass(frozen=True)
class Recipient:
    """One mailbox; ``is_new`` when nobody of the ticket has been written to there before."""

    address: str
    name: str = ""
    is_new: bool = False

    def as_json(self) -> dict[str, str]:
        """The form in which messages store it."""
        return {"name": self.name, "address": self.address}


@dataclass(frozen=True)
class Recipients:
    """To and Cc of an answer; ``removed`` are those whom our last answer reached and this one does not."""

    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]
    removed: tuple[Recipient, ...] = ()

    def as_json(self) -> dict[str, list[dict[str, str]]]:
        """The form in which messages store them."""
        return {"to": [one.as_json() for one in self.to], "cc": [one.as_json() for one in self.cc]}


def recipients_of_answer(ticket: Ticket, messages: Iterable[Message] | None = None) -> Recipients:
    """Compute To and Cc of the next answer; ``messages`` are the ticket's, oldest first, when they have been read.

    To is who wrote last (the requester when nobody did, or when the writer is unverified). Cc is everybody else on that
    message (nobody of an unverified writer's), the requester, the people put in copy and the requesters of tickets merged
    into this one; left out are our own addresses and who was taken out of copy. Empty when the requester has no address.
    """
    prefetch_related_objects([ticket.contact], "identities")
    if messages is None:
        messages = ticket.messages.exclude(kind=Message.Kind.NOTE).order_by("created_at", "pk").only(*_READ)
    said = [one for one in messages if one.kind != Message.Kind.NOTE]
    written = [one for one in said if one.kind == Message.Kind.INBOUND and not one.is_automatic]
    answered = written[-1] if written else None
    writer = ticket.contact
    if answered is not None and answered.contact_id is not None:
        author = ticket.contact if answered.contact_id == ticket.contact_id else answered.contact
        if author is not None and author.is_verified:
            writer = author
        else:
            # Whom a stranger put into Cc must not receive what we write to the customer.
            answered = None
    to = [Recipient(one.email, one.name) for one in (writer, ticket.contact) if one.email][:1]
    others = [] if answered is None else mailboxes(answered.recipients)
    if writer.pk != ticket.contact_id and ticket.contact.email:
        others.insert(0, Recipient(ticket.contact.email, ticket.contact.name))
    copied, taken_out = _copies(ticket)
    sent = [mailboxes(one.recipients) for one in said if one.kind == Message.Kind.OUTBOUND]
    known = {one.address.lower() for reached in sent for one in reached}
    known |= {identity.value for identity in ticket.contact.identities.all()}
    left_out = {one.address.lower() for one in to} | own_addresses() | taken_out
    cc: dict[str, Recipient] = {}
    for one in (*others, *copied):
        address = one.address.lower()
        if address not in left_out and without_tag(address) not in left_out:
            cc.setdefault(address, Recipient(one.address, one.name, is_new=address not in known))
    reached_now = {one.address.lower() for one in to} | set(cc)
    removed = {one.address.lower(): one for one in (sent[-1] if sent else ())}
    gone = tuple(one for address, one in removed.items() if address not in reached_now)
    return Recipients(tuple(to), tuple(cc.values()), gone)


_READ = ("ticket_id", "kind", "is_automatic", "contact_id", "recipients", "created_at")


def _copies(ticket: Ticket) -> tuple[list[Recipient], set[str]]:
    """(people put in copy here or on a merged ticket with the requesters of those; addresses taken out of copy here).

    One query, one more for a ticket that others were merged into.
    """
    on_it = Q(contact__carbon_copies__ticket__in=family_ids(ticket))
    rows = (
        ContactIdentity.objects.filter(on_it, kind="email")
        .order_by("contact__carbon_copies__pk", "pk")
        .values_list(
            "contact_id",
            "value",
            "contact__name",
            "contact__carbon_copies__ticket_id",
            "contact__carbon_copies__removed_at",
        )
    )
    copied: dict[int, Recipient] = {}
    taken_out: set[str] = set()
    gone: set[int] = set()
    for contact_id, address, name, ticket_id, removed_at in rows:
        if ticket_id == ticket.pk and removed_at is not None:
            taken_out.add(address)
            gone.add(contact_id)
        elif removed_at is None:
            copied.setdefault(contact_id, Recipient(address, name))
    if ticket.merged_count:
        asked = ContactIdentity.objects.filter(
            contact__tickets__in=family_ids(ticket), contact__is_verified=True, kind="email"
        )
        for contact_id, address, name in asked.order_by("pk").values_list(
            "contact_id", "value", "contact__name"
        ):
            copied.setdefault(contact_id, Recipient(address, name))
    copied.pop(ticket.contact_id, None)
    return [one for contact_id, one in copied.items() if contact_id not in gone], taken_out


def participants_of(ticket: Ticket) -> list[Recipient]:
    """Who else takes part: the mailboxes in To and Cc of customers' messages that are not ours, each once, newest last."""
    own = own_addresses()
    written = ticket.messages.filter(kind=Message.Kind.INBOUND).order_by("created_at", "pk")
    found: dict[str, Recipient] = {}
    for recipients in written.values_list("recipients", flat=True):
        for one in mailboxes(recipients):
            address = one.address.lower()
            if address not in own and without_tag(address) not in own:
                found.setdefault(address, one)
    return list(found.values())


def mailboxes(recipients: dict[str, Any]) -> list[Recipient]:
    """The To and Cc mailboxes of a message as stored; entries are addresses or ``{"name", "address"}``."""
    found = []
    for kind in ("to", "cc"):
        for entry in recipients.get(kind) or ():
            one = {"address": entry} if isinstance(entry, str) else entry
            if one.get("address"):
                found.append(Recipient(str(one["address"]), str(one.get("name", ""))))
    return found


def without_tag(address: str) -> str:
    """``support+r-x@example.com`` is ``support@example.com``."""
    local, _at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


_inbox_addresses = KeptRows(
    lambda: frozenset(
        address.lower() for address in Inbox.objects.exclude(address="").values_list("address", flat=True)
    ),
    Inbox,
    seconds=KEEP_LONG_SECONDS,
)


def own_addresses() -> frozenset[str]:
    """The addresses of our inboxes, in lower case."""
    return _inbox_addresses.get()
