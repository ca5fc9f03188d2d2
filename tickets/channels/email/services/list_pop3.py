"""Give the mails of a POP3 account numbers, and say which of them are to be fetched, compared and deleted.

POP3 has names. Each name gets a row and the next number when it is first seen, so that wherever a visit breaks off the next one
knows what is left; everything else (batches, the ledger, what is passed over) is then as with IMAP.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from tickets.channels.email.imap_session import Listed
from tickets.channels.email.limits import MAX_MESSAGE_BYTES
from tickets.channels.email.pop3_session import Named, Pop3Session
from tickets.channels.email.services.look_at_mailbox import hold, write
from tickets.models import Mailbox, MailboxMail, MailLedger

Outcome = MailboxMail.Outcome
# There is no UIDVALIDITY; the column has to hold something, and not the nought of "begin anew".
VALIDITY = 1
ROWS_AT_ONCE = 500
ASKED_AT_ONCE = 100
MOST_DELETED = 500
_OLD_ENOUGH = timedelta(days=1)
# What waits for longer than this, though mail was fetched, is told as missing.
_OVERDUE = timedelta(hours=1)


def waiting_names(
    box: Mailbox, session: Pop3Session, names: Sequence[Named], *, until: datetime
) -> list[Listed]:
    """The mails that are to be fetched, oldest first; every name on the server has a row afterwards, as far as the time allows.

    Raises ServerTrouble and LeaseLost.
    """
    known = _rows_of(box, names)
    fresh = [one for one in names if one.name not in known]
    if box.uidvalidity != VALIDITY:
        _begin(box, fresh)
    elif fresh and not (known or box.take_existing or not box.mails.exists()):
        # Not one name is known: the server has named its mails anew, or everything was deleted. Dates tell the old ones.
        with transaction.atomic():
            hold(box)
            write(box, skip_before=(box.connected_at or timezone.now()) - _OLD_ENOUGH)
    for start in range(0, len(fresh), ASKED_AT_ONCE if box.skip_before else ROWS_AT_ONCE):
        if timezone.now() >= until:
            break
        part = fresh[start : start + (ASKED_AT_ONCE if box.skip_before else ROWS_AT_ONCE)]
        _enter(box, part, [session.arrived(one.number) if box.skip_before else None for one in part])
    return _listed(box, session, names, (Outcome.SEEN,))


def missing_names(box: Mailbox, session: Pop3Session, names: Sequence[Named]) -> list[Listed]:
    """The mails that reconciliation named as missing and that are still there."""
    listed = _listed(box, session, names, (Outcome.SEEN, Outcome.FAILED))
    wanted = {int(uid) for uid in box.missing}
    return [one for one in listed if one.uid in wanted]


def lost_numbers(box: Mailbox, names: Sequence[Named]) -> list[int]:
    """Our numbers of the mails on the server that have been looked at and are not in the ledger."""
    long_ago = timezone.now() - _OVERDUE
    return sorted(
        row.uid
        for row in _rows_of(box, names).values()
        if row.outcome == Outcome.FAILED or (row.outcome == Outcome.SEEN and row.arrived_at < long_ago)
    )


def delete_old(box: Mailbox, session: Pop3Session, names: Sequence[Named]) -> int:
    """Delete from the server what has been in the ledger for long enough; returns how many. Raises ServerTrouble.

    What nobody could read stays, and what is too large to be fetched as a whole: of that the ledger has the headers alone.
    """
    if box.delete_after_days is None:
        return 0
    old = timezone.now() - timedelta(days=box.delete_after_days)
    unread = (MailLedger.State.RECEIVED, MailLedger.State.QUARANTINED)
    rows = MailboxMail.objects.filter(
        mailbox=box, outcome=Outcome.KEPT, ledger__isnull=False, arrived_at__lt=old
    )
    done = set(rows.exclude(ledger__state__in=unread).exclude(uidl="").values_list("uidl", flat=True))
    small = [one for one in names if one.size <= MAX_MESSAGE_BYTES]
    gone = [one.number for one in small if one.name in done][:MOST_DELETED]
    if gone:
        session.delete(gone)
        session.commit()
    return len(gone)


def _begin(box: Mailbox, fresh: Sequence[Named]) -> None:
    """The first visit, or the first to another server."""
    with transaction.atomic():
        hold(box)
        if box.uidvalidity is None:
            write(box, connected_at=timezone.now(), skip_before=None)
            if not box.take_existing:
                for start in range(0, len(fresh), ROWS_AT_ONCE):
                    _write_rows(box, fresh[start : start + ROWS_AT_ONCE], Outcome.BEFORE)
        elif not box.take_existing and box.connected_at is not None:
            write(box, skip_before=box.connected_at - _OLD_ENOUGH)
        write(box, uidvalidity=VALIDITY, first_uid=1, missing=[], missing_count=0, reconciled_at=None)


def _enter(box: Mailbox, part: Sequence[Named], arrived: Sequence[datetime | None]) -> None:
    """Give names rows; those that came before the connection are settled by it."""
    known = _rows_of(box, part)
    new = [(one, at) for one, at in zip(part, arrived, strict=True) if one.name not in known]
    before = [one for one, at in new if box.skip_before and at is not None and at < box.skip_before]
    old = {one.name for one in before}
    with transaction.atomic():
        hold(box)
        _write_rows(box, before, Outcome.BEFORE)
        _write_rows(box, [one for one, _at in new if one.name not in old], Outcome.SEEN)


def _write_rows(box: Mailbox, names: Iterable[Named], outcome: str) -> None:
    last = MailboxMail.objects.filter(mailbox=box).aggregate(last=Max("uid"))["last"] or 0
    now = timezone.now()
    MailboxMail.objects.bulk_create(
        [
            MailboxMail(
                mailbox=box, uidvalidity=VALIDITY, uid=number, uidl=one.name, outcome=outcome, arrived_at=now
            )
            for number, one in enumerate(names, start=last + 1)
        ]
    )


def _rows_of(box: Mailbox, names: Sequence[Named]) -> dict[str, MailboxMail]:
    """The rows of these names; a few queries however many there are."""
    rows: dict[str, MailboxMail] = {}
    for start in range(0, len(names), 10_000):
        part = [one.name for one in names[start : start + 10_000]]
        rows.update({row.uidl: row for row in MailboxMail.objects.filter(mailbox=box, uidl__in=part)})
    return rows


def _listed(
    box: Mailbox, session: Pop3Session, names: Sequence[Named], outcomes: Sequence[str]
) -> list[Listed]:
    """What is on the server with these outcomes, by our numbers, which the session understands afterwards."""
    known = _rows_of(box, names)
    session.numbers = {known[one.name].uid: one.number for one in names if one.name in known}
    found = [
        Listed(known[one.name].uid, one.size, None)
        for one in names
        if one.name in known and known[one.name].outcome in outcomes
    ]
    return sorted(found, key=lambda one: one.uid)
