"""Bring a mail of the ledger to its one final state.

Parsing happens outside any transaction, in a child process. What follows - ticket, message, attachments, aliases,
events and the ledger's state - is one transaction, so a kill at any point leaves a mail that is simply tried again.
"""

import logging
from collections.abc import Callable, Collection
from copy import copy
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.database import flush_this_commit_later
from core.kept_rows import KeptRows
from people.models import User
from people.viewer import system_viewer
from tickets.channels.email.classification import MailKind, classify_mail, read_bounce
from tickets.channels.email.events import (
    AUTOMATIC_REPLY_RECEIVED,
    MAIL_QUARANTINED,
    MESSAGE_BOUNCED,
    POSSIBLE_REPLY_RECEIVED,
)
from tickets.channels.email.forwarded import ForwardedMail, read_forward
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.mail_facts import facts_of, is_proven
from tickets.channels.email.parser_process import parse_in_child
from tickets.channels.email.parsing import ParsedMail
from tickets.channels.email.services.mail_trouble import (
    MAX_ATTEMPTS,
    give_back,
    is_of_machine,
    let_go,
    may_be_outage,
    note_database_failure,
    others_went_through,
)
from tickets.channels.email.thread_evidence import (
    ThreadMatch,
    contacts_with,
    find_signed_thread,
    find_thread,
    sent_message,
)
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.message_text import one_line
from tickets.models import Inbox, MailLedger, Message
from tickets.services.receive_message import known_message, receive_message
from tickets.services.settle_answer import with_bounce
from tickets.stored_files import read_file, store_file

logger = logging.getLogger(__name__)

# Parsing takes ten seconds at most; a lease that runs out early costs double work, never a double ticket.
LEASE = timedelta(seconds=30)
State = MailLedger.State
# What processing writes to a row.
WRITTEN = (
    "state", "subject", "sender", "header_id", "error", "leased_until", "ticket", "message", "processed_at",
)  # fmt: skip
_STATES = {
    "created": State.TICKET,
    "follow_up": State.TICKET,
    "appended": State.APPENDED,
    "duplicate": State.DUPLICATE,
}


class _TakenOver(Exception):
    """Another worker has the mail by now; what was written for it here must not stay."""


def process_mail(*, ledger_id: int, accept: bool = False, keep_date: bool = False) -> MailLedger:
    """Process one mail in state *received* and return its row; a final mail or one worked elsewhere is left alone.

    ``accept`` takes a mail for a person's whatever the classification says (a person looked at it). ``keep_date``
    dates the message by its Date header, if that is not in the future, instead of its arrival.

    Raises DatabaseError, OSError or SoftTimeLimitExceeded when it fails by what may be no fault of the mail: it then stays
    *received*. Unless the machine or the database is in trouble it does so MAX_ATTEMPTS times at most.
    """
    claimed = claim([ledger_id])
    if not claimed:
        return MailLedger.objects.get(pk=ledger_id)
    return finish(claimed[0], partial(read_mail, claimed[0]), accept=accept, keep_date=keep_date)


def waiting_mails() -> QuerySet[MailLedger]:
    """Mails that are *received* and that nobody works on; one whose worker was killed waits until its lease is over."""
    now = timezone.now()
    return MailLedger.objects.filter(Q(leased_until=None) | Q(leased_until__lt=now), state=State.RECEIVED)


def claim(ledger_ids: Collection[int]) -> list[MailLedger]:
    """Lease those of the mails that wait, oldest first, counting the attempt before any work, so that a mail that kills
    its worker is noticed."""
    until = timezone.now() + LEASE
    if not waiting_mails().filter(pk__in=ledger_ids).update(leased_until=until, attempts=F("attempts") + 1):
        return []
    claimed = MailLedger.objects.filter(pk__in=ledger_ids, state=State.RECEIVED, leased_until=until)
    return list(claimed.select_related("inbox__default_team").order_by("pk"))


def read_mail(ledger: MailLedger) -> ParsedMail:
    """The mail of a row, parsed in the child process. No database. Raises MailRefused, OSError, FileNotFoundError."""
    return parse_in_child(read_file(ledger.storage_key))


def finish(
    ledger: MailLedger,
    read: Callable[[], ParsedMail],
    *,
    accept: bool = False,
    keep_date: bool = False,
    flush_later: bool = False,
) -> MailLedger:
    """Bring a claimed mail to its final state; ``read`` gives the parsed mail or raises what ``read_mail`` raises.

    ``flush_later`` does not wait for the disk: after a fall of the database server the mail may be *received* again.
    """
    if ledger.attempts > MAX_ATTEMPTS:
        return _quarantine(ledger, "gave_up", "the worker stopped each time this mail was processed")
    try:
        mail = read()
        for attachment in mail.attachments:
            store_file(attachment.content)
        return _write(ledger, mail, accept, _moment(ledger, mail, keep_date), flush_later)
    except MailRefused as refusal:
        return _quarantine(ledger, refusal.code, refusal.detail)
    except FileNotFoundError:
        return _quarantine(ledger, "raw_missing", "the stored mail is not where it was put")
    except (DatabaseError, InterfaceError, OSError, SoftTimeLimitExceeded) as error:
        if is_of_machine(error):
            give_back([ledger])
            raise
        # The machine or the mail: what fails again and again is the mail, and must not keep the others waiting.
        outage = may_be_outage(error)
        if others_went_through(ledger) if outage else ledger.attempts >= MAX_ATTEMPTS:
            logger.exception("mail %s could not be processed", ledger.pk)
            return _quarantine(ledger, "gave_up", f"{type(error).__name__}: {error}")
        (note_database_failure if outage else let_go)([ledger])
        raise
    except Exception as error:  # a mail that nobody foresaw is shown with its raw text, never lost
        logger.exception("mail %s could not be processed", ledger.pk)
        return _quarantine(ledger, "processing_error", f"{type(error).__name__}: {error}")


def _moment(ledger: MailLedger, mail: ParsedMail, keep_date: bool) -> datetime:
    if not keep_date or not mail.sent_at:
        return ledger.received_at
    return min(datetime.fromisoformat(mail.sent_at), ledger.received_at)


def described(ledger: MailLedger, mail: ParsedMail) -> MailLedger:
    """A copy of the row that says what the mail is."""
    row = copy(ledger)
    row.subject = mail.subject[:300]
    row.sender = mail.sender.address[:254] if mail.sender else ""
    row.header_id = mail.message_id
    row.error = ", ".join(mail.defects)[:500]
    return row


def _write(
    ledger: MailLedger, mail: ParsedMail, accept: bool, occurred_at: datetime, flush_later: bool
) -> MailLedger:
    """Decide and write everything in one transaction, if the mail is still ours to decide; returns its row."""
    row = described(ledger, mail)
    try:
        with transaction.atomic():
            if flush_later:
                flush_this_commit_later()
            _decide(row, mail, accept, occurred_at)
            row.leased_until, row.processed_at = None, timezone.now()
            values = {name: getattr(row, name) for name in WRITTEN}
            ours = MailLedger.objects.filter(
                pk=ledger.pk, state=State.RECEIVED, leased_until=ledger.leased_until
            )
            if not ours.update(**values):
                raise _TakenOver
    except _TakenOver:
        return MailLedger.objects.get(pk=ledger.pk)
    return row


def _read_own_addresses() -> frozenset[str]:
    addresses = Inbox.objects.exclude(address="").values_list("address", flat=True)
    return frozenset(address.lower() for address in addresses)


own_addresses = KeptRows(_read_own_addresses, Inbox)


def _decide(row: MailLedger, mail: ParsedMail, accept: bool, occurred_at: datetime) -> None:
    """Set the state of the row and do what it stands for; raises ``MailRefused`` for a mail without a usable sender."""
    ours = own_addresses.get()
    kind = classify_mail(mail, ours)
    sent = sent_message(mail.message_id)
    if sent is not None:
        row.state, row.message, row.ticket = State.DUPLICATE, sent, sent.ticket
    elif kind.kind == "bounce" and not accept:
        _record_bounce(row, mail)
    elif kind.kind == "spam" and not accept:
        row.state, row.error = State.SPAM, ", ".join(kind.reasons)[:500]
    elif kind.kind == "auto_reply" and not accept:
        _record_automatic_reply(row, mail, kind)
    elif mail.sender is None:
        defect = "from_missing" if "from_missing" in mail.defects else "from_not_one_mailbox"
        raise MailRefused(defect, "the From header must hold exactly one address")
    else:
        known = known_message("email", mail.message_id)
        if known is not None and _is_same(mail, known):
            row.state, row.message, row.ticket = State.DUPLICATE, known, known.ticket
        else:
            # A careless mailer's second mail under a used Message-ID is stored without one rather than dropped.
            external_id = mail.message_id if known is None else ""
            _receive(row, mail, kind, ours, occurred_at, external_id)


def _record_bounce(row: MailLedger, mail: ParsedMail) -> None:
    """Mark the answer that came back; a delay only leaves its trace in the ledger."""
    report = read_bounce(mail)
    row.state = State.BOUNCE
    message = next((found for one in report.original_message_ids if (found := sent_message(one))), None)
    row.error = " ".join(filter(None, (report.status, report.diagnostic)))[:500]
    if message is None:
        return
    row.message, row.ticket = message, message.ticket
    if report.permanent:
        reason = one_line(row.error or mail.subject, 300)
        Message.objects.filter(pk=message.pk).update(
            delivery=Message.Delivery.BOUNCED, delivery_detail=with_bounce(message, reason)
        )
        MESSAGE_BOUNCED.record(
            by=system_viewer("mail"),
            subject_id=message.pk,
            ticket_id=message.ticket_id,
            account_id=message.ticket.account_id,
            detail={"recipients": list(report.recipients), "status": report.status, "reason": reason[:300]},
        )


def _record_automatic_reply(row: MailLedger, mail: ParsedMail, kind: MailKind) -> None:
    """An absence note and the like: told on the ticket it answers, never a message that opens or wakes one."""
    row.state, row.error = State.AUTO_REPLY, ", ".join(kind.reasons)[:500]
    row.ticket = find_signed_thread(mail).ticket
    if row.ticket is not None:
        AUTOMATIC_REPLY_RECEIVED.record(
            by=system_viewer("mail"),
            subject_id=row.pk,
            ticket_id=row.ticket.pk,
            account_id=row.ticket.account_id,
            detail={"sender": row.sender, "subject": row.subject, "text": mail.text[:1_000]},
        )


def _is_same(mail: ParsedMail, message: Message) -> bool:
    """Whether the mail became this message before: it came by another way (a list, a second inbox) with other headers.

    The same Message-ID on another sender's or another subject's mail is a careless mailer, not the same mail.
    """
    if mail.sender is None or message.subject != one_line(mail.subject, 300):
        return False
    return message.contact_id in contacts_with(mail.sender.address.lower())


def _receive(
    row: MailLedger,
    mail: ParsedMail,
    kind: MailKind,
    ours: frozenset[str],
    occurred_at: datetime,
    external_id: str,
) -> None:
    """Make the mail a message of the ticket it belongs to, or of a new one."""
    sender = mail.sender
    if sender is not None and sender.address.lower() in ours and mail.reply_to:
        sender = mail.reply_to[0]  # a form on our own site writes as us and names the customer here
    if sender is None:
        raise MailRefused("from_missing", "the From header must hold exactly one address")
    facts = facts_of(mail, row.inbox)
    match = find_thread(mail, sender.address.lower())
    passed_on = None if match.ticket is not None else _passed_on(mail, sender, facts, ours)
    if passed_on is not None:
        facts["forwarded_by"] = passed_on[1]
        sender = passed_on[0].sender
    try:
        received = receive_message(
            incoming=incoming_of(mail, sender, kind, match, occurred_at, external_id, facts),
            by=system_viewer("mail"),
            inbox=row.inbox,
            ticket=match.ticket,
        )
    except ValidationError as error:
        raise MailRefused("not_acceptable", " ".join(error.messages)) from error
    row.message, row.ticket = received.message, received.ticket
    row.state = _STATES[received.outcome]
    joined = received.outcome == "appended"
    if match.possible is not None and not joined:
        POSSIBLE_REPLY_RECEIVED.record(
            by=system_viewer("mail"),
            subject_id=received.ticket.pk,
            ticket_id=received.ticket.pk,
            account_id=received.ticket.account_id,
            detail={"ticket": match.possible.pk, "number": match.possible.number},
        )


def _passed_on(
    mail: ParsedMail, sender: MailAddress, facts: dict[str, Any], ours: frozenset[str]
) -> tuple[ForwardedMail, dict[str, Any]] | None:
    """The customer's mail that a colleague passed on to an inbox, and who did; None for any other mail.

    Only colleagues speak for others, in a mail of which the server that the inbox names says that it is from them: anybody
    can write their address into From.
    """
    found = read_forward(mail.subject, mail.text)
    if found is None or sender != mail.sender or not is_proven(facts):
        return None
    address = sender.address.lower()
    colleague = User.objects.filter(email__iexact=address, is_active=True).first()
    original = found.sender.address.lower()
    if colleague is None or original in ours or original == address:
        return None
    if User.objects.filter(email__iexact=original, is_active=True).exists():
        return None  # colleagues among themselves
    return found, {"user": colleague.pk, "name": colleague.name, "address": address}


def incoming_of(
    mail: ParsedMail,
    sender: MailAddress,
    kind: MailKind,
    match: ThreadMatch,
    occurred_at: datetime,
    external_id: str,
    facts: dict[str, Any],
) -> IncomingMessage:
    """The mail as the receiving service takes it."""
    return IncomingMessage(
        channel="email",
        sender=sender.address,
        sender_name=sender.name,
        text=mail.text,
        subject=mail.subject,
        html=mail.html,
        folds=mail.folds,
        recipients={
            "to": [{"name": one.name, "address": one.address} for one in mail.to],
            "cc": [{"name": one.name, "address": one.address} for one in mail.cc],
            "reply_to": [{"name": one.name, "address": one.address} for one in mail.reply_to],
        },
        files=[
            IncomingFile(one.filename, one.content, one.content_type, one.content_id, one.inline)
            for one in mail.attachments
        ],
        external_id=external_id,
        facts=facts,
        aliases=[one for one in (*mail.references, *mail.in_reply_to, mail.message_id) if one],
        occurred_at=occurred_at,
        is_automatic=not kind.may_be_answered,
        sender_verified=match.ticket is None or match.trusted,
    )


def _quarantine(ledger: MailLedger, code: str, detail: str) -> MailLedger:
    """Set the mail aside with its raw text, the reason and a way back (``retry_mail``)."""
    with transaction.atomic():
        changed = MailLedger.objects.filter(
            pk=ledger.pk, state=State.RECEIVED, leased_until=ledger.leased_until
        ).update(
            state=State.QUARANTINED,
            error=f"{code}: {detail}"[:500] if detail else code,
            leased_until=None,
            processed_at=timezone.now(),
        )
        if changed:
            MAIL_QUARANTINED.record(by=system_viewer("mail"), subject_id=ledger.pk, detail={"code": code})
    ledger.refresh_from_db()
    return ledger
