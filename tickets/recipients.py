"""Whom an answer goes to: computed from the message it answers, never taken from a browser."""

from dataclasses import dataclass
from typing import Any

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
    """To and Cc of an answer."""

    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]

    def as_json(self) -> dict[str, list[dict[str, str]]]:
        """The form in which messages store them."""
        return {"to": [one.as_json() for one in self.to], "cc": [one.as_json() for one in self.cc]}


def recipients_of_answer(ticket: Ticket) -> Recipients:
    """Compute To and Cc of the next answer.

    To is who wrote last (the requester when nobody did, or when the writer is unverified), Cc everybody else on that
    message (nobody of an unverified writer's) and the requester; our own addresses are left out. Empty when the
    requester has no address.
    """
    answered = (
        ticket.messages.filter(kind=Message.Kind.INBOUND, is_automatic=False)
        .select_related("contact")
        .order_by("-created_at", "-pk")
        .first()
    )
    writer = ticket.contact
    if answered is not None and answered.contact is not None:
        if answered.contact.is_verified:
            writer = answered.contact
        else:
            # Whom a stranger put into Cc must not receive what we write to the customer.
            answered = None
    to = [Recipient(one.email, one.name) for one in (writer, ticket.contact) if one.email][:1]
    others = [] if answered is None else mailboxes(answered.recipients)
    if writer.pk != ticket.contact_id and ticket.contact.email:
        others.insert(0, Recipient(ticket.contact.email, ticket.contact.name))
    known = _known_addresses(ticket)
    left_out = {one.address.lower() for one in to} | _own_addresses()
    cc: dict[str, Recipient] = {}
    for one in others:
        address = one.address.lower()
        if address not in left_out and without_tag(address) not in left_out:
            cc.setdefault(address, Recipient(one.address, one.name, is_new=address not in known))
    return Recipients(tuple(to), tuple(cc.values()))


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


def _own_addresses() -> set[str]:
    return {
        address.lower() for address in Inbox.objects.exclude(address="").values_list("address", flat=True)
    }


def _known_addresses(ticket: Ticket) -> set[str]:
    """Addresses that an answer of ours on this ticket has gone to, and the requester's."""
    sent = ticket.messages.filter(kind=Message.Kind.OUTBOUND).values_list("recipients", flat=True)
    known = {one.address.lower() for recipients in sent for one in mailboxes(recipients)}
    return known | {identity.value for identity in ticket.contact.identities.all()}
