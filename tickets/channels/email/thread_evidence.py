"""Which ticket a mail belongs to, strongest evidence first.

Signed evidence (our reply address, our Message-ID) joins whoever writes: only somebody who got our mail can have it.
Everything else in a mail is a claim that anybody can make, so it joins only people who already take part; for others
it becomes a suggestion on a new ticket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q

from customers.domains import company_domain
from customers.models import Contact, ContactIdentity
from tickets.channels.email.parsing import ParsedMail
from tickets.channels.email.thread_tokens import read_message_id, references_in_addresses
from tickets.models import CarbonCopy, Message, MessageAlias, Ticket

_MOST_REFERRED = 200
_SUBJECT_NUMBER = re.compile(r"\[#(\d{1,12})\]")


@dataclass(frozen=True, slots=True)
class ThreadMatch:
    """The ticket to join, or None for a new one; ``evidence`` is ``reply_address``, ``message_id``, ``reference``,
    ``subject`` or empty. ``trusted`` says that the sender takes part in the ticket or works with its requester; others
    who join are newcomers that nobody has verified. ``possible`` is a ticket the mail points at without proof."""

    ticket: Ticket | None = None
    evidence: str = ""
    trusted: bool = False
    possible: Ticket | None = None


def find_thread(mail: ParsedMail, sender: str) -> ThreadMatch:
    """Look for the ticket of a mail from ``sender`` (an address in lower case, empty when unknown)."""
    signed = find_signed_thread(mail)
    if signed.ticket is not None:
        trusted = takes_part(signed.ticket, sender) or is_colleague(signed.ticket, sender)
        return replace(signed, trusted=trusted)
    possible = None
    for ticket in _tickets_by_alias(mail):
        if takes_part(ticket, sender) or is_colleague(ticket, sender):
            return ThreadMatch(ticket, "reference", trusted=True)
        if sender and _was_recipient(ticket, sender, Message.Kind.INBOUND):
            return ThreadMatch(ticket, "reference")
        possible = possible or ticket
    for number in _SUBJECT_NUMBER.findall(mail.subject)[:3]:
        by_number = Ticket.objects.filter(number=int(number)).first()
        if by_number is not None:
            if takes_part(by_number, sender):
                return ThreadMatch(by_number, "subject", trusted=True)
            possible = possible or by_number
    return ThreadMatch(possible=possible)


def find_signed_thread(mail: ParsedMail) -> ThreadMatch:
    """The ticket that a signature of ours in the mail names."""
    addresses = [one.address for one in (*mail.delivered_to, *mail.to, *mail.cc)]
    ticket = _ticket_by_reference(references_in_addresses(addresses))
    if ticket is not None:
        return ThreadMatch(ticket, "reply_address")
    read = [read_message_id(one) for one in _referred_ids(mail)]
    ticket = _ticket_by_reference(one[0] for one in read if one is not None)
    return ThreadMatch(ticket, "message_id") if ticket is not None else ThreadMatch()


def is_signed(mail: ParsedMail) -> bool:
    """Whether something in the mail bears a signature of ours, its own Message-ID included. No database."""
    addresses = [one.address for one in (*mail.delivered_to, *mail.to, *mail.cc)]
    ids = (mail.message_id, *_referred_ids(mail))
    return bool(references_in_addresses(addresses)) or any(read_message_id(one) is not None for one in ids)


def names_a_number(mail: ParsedMail) -> bool:
    """Whether the subject names a ticket by its number."""
    return _SUBJECT_NUMBER.search(mail.subject) is not None


def referred_ids(mail: ParsedMail) -> list[str]:
    """The ids by which tickets are looked for: those that the mail refers to, the nearest first."""
    return _referred_ids(mail)[:_MOST_REFERRED]


def sent_message(message_id: str) -> Message | None:
    """The answer of ours that went out with this Message-ID; None unless the signature holds and it exists."""
    read = read_message_id(message_id)
    if read is None:
        return None
    reference, number = read
    return Message.objects.filter(
        pk=number, kind=Message.Kind.OUTBOUND, ticket__reference=reference.upper()
    ).first()


def _referred_ids(mail: ParsedMail) -> list[str]:
    """Ids that the mail refers to, the nearest first."""
    return list(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))


def _ticket_by_reference(references: Iterable[str]) -> Ticket | None:
    for reference in references:
        ticket = Ticket.objects.filter(reference=reference.upper()).first()
        if ticket is not None:
            return ticket
    return None


def _tickets_by_alias(mail: ParsedMail) -> list[Ticket]:
    """Tickets that know one of the ids referred to, the nearest id first, each once."""
    ids = referred_ids(mail)
    aliases = MessageAlias.objects.filter(message_id__in=ids).select_related("ticket")
    known = {one.message_id: one.ticket for one in aliases}
    return list({known[one].pk: known[one] for one in ids if one in known}.values())


def takes_part(ticket: Ticket, sender: str) -> bool:
    """Whether the address belongs to the requester, to somebody in copy or who wrote here, or was written to by us."""
    if not sender:
        return False
    contact_ids = contacts_with(sender)
    if ticket.contact_id in contact_ids:
        return True
    if contact_ids and Message.objects.filter(ticket=ticket, contact_id__in=contact_ids).exists():
        return True
    if CarbonCopy.objects.filter(ticket=ticket, contact__in=contact_ids, removed_at=None).exists():
        return True
    return _was_recipient(ticket, sender, Message.Kind.OUTBOUND)


def is_colleague(ticket: Ticket, sender: str) -> bool:
    """Whether the sender works with the requester: the same account or the same company domain."""
    by_account = Q(contact__account_id=ticket.account_id) if ticket.account_id is not None else Q(pk=None)
    if ContactIdentity.objects.filter(by_account, kind="email", value=sender).exists():
        return True
    domain = company_domain(sender)
    if not domain:
        return False
    requester = ContactIdentity.objects.filter(kind="email", contact=_after_merges(ticket.contact))
    return requester.filter(value__endswith=f"@{domain}").exists()


def contacts_with(address: str) -> set[int]:
    """The contact that has an address (in lower case), and all who were merged into it: their rows stay theirs."""
    found = set(
        ContactIdentity.objects.filter(kind="email", value=address).values_list("contact_id", flat=True)
    )
    newest = found
    while newest:
        newest = set(Contact.objects.filter(merged_into__in=newest).values_list("pk", flat=True)) - found
        found = found | newest
    return found


def _after_merges(contact: Contact) -> Contact:
    while contact.merged_into is not None:  # merging never makes a circle
        contact = contact.merged_into
    return contact


def _was_recipient(ticket: Ticket, sender: str, kind: Message.Kind) -> bool:
    """Whether a message of this kind on the ticket was addressed or copied to the sender."""
    lists = Message.objects.filter(ticket=ticket, kind=kind).values_list("recipients", flat=True)
    return any(sender in recipient_addresses(recipients) for recipients in lists)


def recipient_addresses(recipients: dict[str, Any]) -> set[str]:
    """Addresses in lower case of a message's stored recipients: ``{"to": [...], "cc": [...]}`` whose entries are
    addresses or ``{"name": …, "address": …}``."""
    found = set()
    for kind in ("to", "cc", "bcc"):
        for one in recipients.get(kind) or ():
            address = one if isinstance(one, str) else one.get("address") or one.get("email", "")
            found.add(str(address).lower())
    return found
