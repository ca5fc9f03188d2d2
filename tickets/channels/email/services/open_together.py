"""Bring mails that each open a ticket of their own to their final states, many in one transaction.

Most of what comes at once answers nothing that is known here. Such mails need no look at tickets, and twenty of them are written
with the statements that one takes. What a mail may need beyond that - a signature, a ticket's number, a reference that is known,
a bounce - is left to ``process_mail``, which decides each mail alone; what both would do with a mail is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from core.database import flush_this_commit_later
from people.viewer import system_viewer
from tickets.channels.email.classification import classify_mail
from tickets.channels.email.forwarded import read_forward
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.mail_facts import facts_of, is_proven
from tickets.channels.email.parsing import ParsedMail
from tickets.channels.email.services.process_mail import (
    WRITTEN,
    described,
    incoming_of,
    own_addresses,
)
from tickets.channels.email.thread_evidence import (
    ThreadMatch,
    is_signed,
    names_a_number,
    referred_ids,
)
from tickets.incoming import IncomingMessage
from tickets.models import MailLedger, Message, MessageAlias
from tickets.services.receive_message import receive_new
from tickets.stored_files import store_files

State = MailLedger.State
_KINDS = frozenset(("person", "automatic"))


@dataclass(frozen=True, slots=True)
class OpeningMail:
    """A claimed mail that opens a ticket unless one knows it by its id or by one that it refers to."""

    ledger: MailLedger
    mail: ParsedMail
    incoming: IncomingMessage
    referred: tuple[str, ...]


def opening_mail(ledger: MailLedger, mail: ParsedMail) -> OpeningMail | None:
    """Return the mail as one that may be opened with others, None for one that must be decided alone. No query."""
    ours = own_addresses.get()
    kind = classify_mail(mail, ours)
    sender: MailAddress | None = mail.sender
    if kind.kind not in _KINDS or sender is None or sender.address.lower() in ours:
        return None
    if is_signed(mail) or names_a_number(mail):
        return None
    facts = facts_of(mail, ledger.inbox)
    if is_proven(facts) and read_forward(mail.subject, mail.text) is not None:
        return None
    incoming = incoming_of(mail, sender, kind, ThreadMatch(), ledger.received_at, mail.message_id, facts)
    return OpeningMail(ledger, mail, incoming, tuple(referred_ids(mail)))


def first_alone(mails: Sequence[OpeningMail]) -> int:
    """Return how many of the mails, from the first, do not know each other: neither the same mail nor an answer to it."""
    ids: set[str] = set()
    aliases: set[str] = set()
    for position, one in enumerate(mails):
        if one.mail.message_id in ids or not aliases.isdisjoint(one.referred):
            return position
        if one.mail.message_id:
            ids.add(one.mail.message_id)
        aliases.update(one.incoming.aliases)
    return len(mails)


def open_together(mails: Sequence[OpeningMail]) -> int:
    """Open the tickets of mails that do not know each other, up to the first that is known; returns how many were opened.

    Files are stored before, everything else is one transaction that does not wait for the disk. Raises what goes wrong with any
    of them; nothing is written then, and each is to be processed alone.
    """
    store_files([file.content for one in mails for file in one.mail.attachments])
    with transaction.atomic():
        flush_this_commit_later()
        # A mail that another worker has taken over by now has another lease.
        if not _are_ours(mails):
            return 0
        opening = mails[: _first_known(mails)]
        if opening:
            received = receive_new(
                arrivals=[(one.incoming, one.ledger.inbox) for one in opening], by=system_viewer("mail")
            )
            rows = []
            for one, become in zip(opening, received, strict=True):
                row = described(one.ledger, one.mail)
                row.state, row.message, row.ticket = State.TICKET, become.message, become.ticket
                row.leased_until, row.processed_at = None, timezone.now()
                rows.append(row)
            _write_rows(rows)
    return len(opening)


def _are_ours(mails: Sequence[OpeningMail]) -> bool:
    """Lock the rows, and say whether all are still ours to decide."""
    leases = {one.ledger.pk: one.ledger.leased_until for one in mails}
    rows = MailLedger.objects.select_for_update().filter(pk__in=leases, state=State.RECEIVED).order_by("pk")
    return dict(rows.values_list("pk", "leased_until")) == leases


def _first_known(mails: Sequence[OpeningMail]) -> int:
    """Return the position of the first mail that a ticket knows, by its own id or by one that it refers to."""
    ids = [one.mail.message_id for one in mails if one.mail.message_id]
    messages = Message.objects.filter(channel="email", external_id__in=ids)
    known = set(messages.values_list("external_id", flat=True)) if ids else set()
    referred = {name for one in mails for name in one.referred}
    aliases = MessageAlias.objects.filter(message_id__in=referred)
    named = set(aliases.values_list("message_id", flat=True)) if referred else set()
    for position, one in enumerate(mails):
        if one.mail.message_id in known or not named.isdisjoint(one.referred):
            return position
    return len(mails)


def _write_rows(rows: Sequence[MailLedger]) -> None:
    """Write what became of locked rows: one statement, however many."""
    MailLedger.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=list(WRITTEN)
    )
