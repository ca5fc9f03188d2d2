"""Bring the mails of a mailbox into the ledger.

Mails are asked for by UID (POP3: by the number that ``list_pop3`` gave to their name), in batches. A batch is on disk before its
transaction, and the transaction holds the rows of the ledger, what became of each UID, and how far the mailbox has been read: so
wherever the connection, the worker or the machine breaks off, nothing is lost and nothing comes twice. Nothing on the server is
changed, except that mails of a POP3 account are deleted after the days that somebody has set.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from people.viewer import system_viewer
from tickets.channels.email.events import MAIL_QUARANTINED, MAILBOX_RENUMBERED
from tickets.channels.email.imap_session import Folder, ImapSession, Listed
from tickets.channels.email.limits import MAX_HEADER_BLOCK_BYTES, MAX_MESSAGE_BYTES
from tickets.channels.email.pop3_session import Pop3Session
from tickets.channels.email.server_connection import ServerTrouble
from tickets.channels.email.services.list_pop3 import delete_old, missing_names, waiting_names
from tickets.channels.email.services.look_at_mailbox import (
    LeaseLost,
    State,
    claim,
    hold,
    note_success,
    note_trouble,
    release,
    session_of,
    write,
)
from tickets.channels.email.services.store_mail import Arrived, RawMail, enter_mails, keep_raw
from tickets.models import Mailbox, MailboxMail

logger = logging.getLogger(__name__)

VISIT_SECONDS = 30.0
MOST_AT_ONCE = 50
MOST_BYTES_AT_ONCE = 8 * 1024 * 1024
# UIDs that are listed together; a folder may have far fewer mails than numbers.
LISTED_AT_ONCE = 20_000
# A mail at which the connection breaks so often is passed over and shown as missing.
GIVE_UP_AFTER = 3
THREADS = 8
_CLOCK_SKEW = timedelta(minutes=5)
_OLD_ENOUGH = timedelta(days=1)
Outcome = MailboxMail.Outcome


@dataclass
class Visit:
    """What a visit brought: ``new`` ids of the ledger, how many UIDs were settled, whether more wait, and what went wrong."""

    new: list[int] = field(default_factory=list)
    settled: int = 0
    more: bool = False
    trouble: ServerTrouble | None = None


@dataclass
class _Round:
    """A visit while it lasts."""

    box: Mailbox
    session: ImapSession | Pop3Session
    ends_at: datetime
    since: datetime | None
    visit: Visit


def fetch_mailbox(*, mailbox_id: int, seconds: float = VISIT_SECONDS) -> Visit | None:
    """Visit one mailbox for at most ``seconds``; None when it is paused or somebody else is there.

    What is wrong with the mailbox is in the result and on its row. Raises DatabaseError or OSError when this machine is in
    trouble; the next visit then begins where this one stopped.
    """
    box = claim(mailbox_id)
    if box is None:
        return None
    visit = Visit()
    try:
        with session_of(box, seconds=seconds) as session:
            ends_at = timezone.now() + timedelta(seconds=seconds * 0.75)
            turn = _Round(box, session, ends_at, box.last_success_at, visit)
            if isinstance(session, Pop3Session):
                _visit_pop3(turn, session)
            else:
                _visit_imap(turn, session)
        note_success(box, again_now=visit.more)
    except ServerTrouble as trouble:
        visit.trouble = trouble
        _end_in_trouble(box, trouble, visit)
    except LeaseLost:
        logger.info("mailbox %s was taken over or paused during a visit", box.pk)
    except (DatabaseError, OSError):
        release(box)
        raise
    return visit


def due_mailboxes() -> list[int]:
    """The ids of the mailboxes that it is time to look at, those that wait longest first."""
    now = timezone.now()
    return list(
        Mailbox.objects.filter(next_look_at__lte=now, inbox__is_active=True, inbox__channel="email")
        .exclude(state=State.PAUSED)
        .exclude(leased_until__gte=now)
        .order_by("next_look_at")
        .values_list("pk", flat=True)
    )


def fetch_due_mailboxes() -> int:
    """Visit the mailboxes that are due, each in a thread of its own, and return how many new mails came.

    A server that keeps its caller waiting delays no other mailbox. More than ``THREADS`` of them wait for the next call.
    """
    due = due_mailboxes()[:THREADS]
    if len(due) < 2:
        return sum(_fetched(mailbox_id) for mailbox_id in due)
    with ThreadPoolExecutor(max_workers=len(due), thread_name_prefix="mailbox") as threads:
        return sum(threads.map(_fetched_apart, due))


def _fetched_apart(mailbox_id: int) -> int:
    try:
        return _fetched(mailbox_id)
    finally:
        connection.close()


def _fetched(mailbox_id: int) -> int:
    """Visit a mailbox; what goes wrong there stops no other."""
    try:
        visit = fetch_mailbox(mailbox_id=mailbox_id)
    except (DatabaseError, OSError):
        logger.exception("mailbox %s could not be fetched", mailbox_id)
        return 0
    return len(visit.new) if visit else 0


def _end_in_trouble(box: Mailbox, trouble: ServerTrouble, visit: Visit) -> None:
    try:
        note_trouble(box, trouble, progressed=visit.settled > 0)
    except LeaseLost:
        logger.info("mailbox %s was taken over or paused during a visit", box.pk)


def _visit_imap(turn: _Round, session: ImapSession) -> None:
    folder = session.open_folder(turn.box.folder)
    _meet(turn.box, folder)
    if turn.box.fetch_missing:
        uids = ",".join(str(int(uid)) for uid in turn.box.missing)
        _fetch_missing(turn, session.listing(uids) if uids else [])
    _fetch_new(turn, session, folder)


def _visit_pop3(turn: _Round, session: Pop3Session) -> None:
    box = turn.box
    names = session.names()
    waiting = waiting_names(box, session, names, until=turn.ends_at)
    if box.fetch_missing:
        _fetch_missing(turn, missing_names(box, session, names))
    turn.visit.more = not _fetch_listed(turn, waiting, moves_cursor=True)
    if not turn.visit.more:
        delete_old(box, session, names)


def _meet(box: Mailbox, folder: Folder) -> None:
    """Note where to begin: at the first visit, and when the server has numbered its mails anew."""
    if box.uidvalidity == folder.uidvalidity:
        return
    with transaction.atomic():
        hold(box)
        if box.uidvalidity is None:
            first = 1 if box.take_existing else folder.uidnext
            write(box, connected_at=timezone.now(), skip_before=None)
        else:
            # All UIDs mean other mails now: everything is listed again, and the ledger knows what it has by its bytes.
            first = 1
            if not box.take_existing and box.connected_at is not None:
                write(box, skip_before=box.connected_at - _OLD_ENOUGH)
            detail = {"from": box.uidvalidity, "to": folder.uidvalidity}
            MAILBOX_RENUMBERED.record(by=system_viewer("mail"), subject_id=box.pk, detail=detail)
        write(
            box,
            uidvalidity=folder.uidvalidity,
            first_uid=first,
            last_uid=first - 1,
            stuck_uid=0,
            stuck_count=0,
            missing=[],
            missing_count=0,
            server_count=0,
            fetch_missing=False,
            reconciled_at=None,
        )


def _fetch_new(turn: _Round, session: ImapSession, folder: Folder) -> None:
    """Fetch what has come since the last visit, until nothing is left or the time is over."""
    box = turn.box
    while box.last_uid < folder.uidnext - 1:
        last = min(box.last_uid + LISTED_AT_ONCE, folder.uidnext - 1)
        listed = session.listing(f"{box.last_uid + 1}:{last}")
        listed = [one for one in listed if box.last_uid < one.uid <= last]
        if not _fetch_listed(turn, _unknown(box, listed), moves_cursor=True):
            turn.visit.more = True
            return
        with transaction.atomic():
            hold(box)
            write(box, last_uid=last)


def _fetch_missing(turn: _Round, listed: Sequence[Listed]) -> None:
    """Fetch what reconciliation found missing and somebody asked for; the next reconciliation says what is left."""
    turn.since = None
    _fetch_listed(turn, listed, moves_cursor=False)
    turn.since = turn.box.last_success_at
    write(turn.box, fetch_missing=False, reconciled_at=None)


def _unknown(box: Mailbox, listed: Sequence[Listed]) -> list[Listed]:
    """Those that no row knows yet: part of a batch may have come before the connection broke."""
    if not listed:
        return []
    known = set(
        MailboxMail.objects.filter(
            mailbox=box, uidvalidity=box.uidvalidity or 0, uid__range=(listed[0].uid, listed[-1].uid)
        ).values_list("uid", flat=True)
    )
    return [one for one in listed if one.uid not in known]


def _fetch_listed(turn: _Round, listed: Sequence[Listed], *, moves_cursor: bool) -> bool:
    """Fetch these mails; False when the time was over before the last one. Raises ServerTrouble."""
    box = turn.box
    old = [one for one in listed if _is_before(box, one)]
    for start in range(0, len(old), 500):
        _settle(turn, [(one, Outcome.BEFORE, None) for one in old[start : start + 500]], 0)
    wanted = [one for one in listed if not _is_before(box, one)]
    position = 0
    while position < len(wanted):
        if timezone.now() >= turn.ends_at:
            return False
        batch = _next_batch(box, wanted, position)
        position += len(batch)
        # Old ones in between are settled, so the cursor may pass them.
        _fetch_batch(turn, batch, moves_cursor=moves_cursor)
    return True


def _next_batch(box: Mailbox, wanted: Sequence[Listed], position: int) -> list[Listed]:
    """The next mails that go together: one alone where the connection has broken before, or that is too large."""
    first = wanted[position]
    if first.size > MAX_MESSAGE_BYTES or (box.stuck_count and first.uid <= box.stuck_uid):
        return [first]
    batch, size = [first], first.size
    for one in wanted[position + 1 : position + MOST_AT_ONCE]:
        size += one.size
        if size > MOST_BYTES_AT_ONCE or one.size > MAX_MESSAGE_BYTES:
            break
        batch.append(one)
    return batch


def _fetch_batch(turn: _Round, batch: Sequence[Listed], *, moves_cursor: bool) -> None:
    """Fetch and keep a batch; what came before the connection broke is kept too. Raises ServerTrouble."""
    too_large = batch[0].size > MAX_MESSAGE_BYTES
    uids = [one.uid for one in batch]
    got = turn.session.fetch(uids, header_bytes=MAX_HEADER_BLOCK_BYTES if too_large else 0)
    came = [one for one in batch if one.uid in got.mails]
    raws = keep_raw([_arrived(turn, one, got.mails[one.uid], too_large) for one in came])
    kept: list[tuple[Listed, str, RawMail | None]] = [
        (one, Outcome.KEPT, raw) for one, raw in zip(came, raws, strict=True)
    ]
    if got.trouble is None:
        _settle(turn, kept, batch[-1].uid if moves_cursor else 0)
        return
    first_left = next((one for one in batch if one.uid not in got.mails), None)
    reached = batch[-1].uid if first_left is None else first_left.uid - 1
    _settle(turn, kept, reached if moves_cursor else 0)
    if first_left is not None:
        _note_stuck(turn, first_left, moves_cursor=moves_cursor)
    raise got.trouble


def _note_stuck(turn: _Round, at: Listed, *, moves_cursor: bool) -> None:
    """Count how often a mail broke the connection; after the third time go on behind it."""
    box = turn.box
    count = box.stuck_count + 1 if box.stuck_uid == at.uid else 1
    with transaction.atomic():
        hold(box)
        write(box, stuck_uid=at.uid, stuck_count=count)
    if count >= GIVE_UP_AFTER:
        _settle(turn, [(at, Outcome.FAILED, None)], at.uid if moves_cursor else 0)


def _arrived(turn: _Round, one: Listed, raw: bytes, too_large: bool) -> Arrived:
    """The mail for the ledger."""
    box, refusal = turn.box, ""
    if too_large:
        refusal = (
            f"message_too_large: {one.size} bytes, at most {MAX_MESSAGE_BYTES} are fetched; these are its headers, "
            "the whole mail lies on the server"
        )
    source = f"{box.protocol}:{box.pk}:{box.uidvalidity}:{one.uid}"
    return Arrived(raw, _received_at(turn, one), source, refusal)


def _settle(turn: _Round, results: Sequence[tuple[Listed, str, RawMail | None]], cursor: int) -> None:
    """Write what became of mails, and how far the mailbox has been read, in one transaction. Raises LeaseLost."""
    box = turn.box
    mails = [raw for _one, _outcome, raw in results if raw is not None]
    with transaction.atomic():
        hold(box)
        ids, new = enter_mails(mails, inbox=box.inbox) if mails else ({}, set())
        MailboxMail.objects.bulk_create(
            [
                MailboxMail(
                    mailbox=box,
                    uidvalidity=box.uidvalidity or 0,
                    uid=one.uid,
                    outcome=outcome,
                    ledger_id=ids[raw.sha256] if raw is not None else None,
                    arrived_at=one.arrived_at or timezone.now(),
                )
                for one, outcome, raw in results
            ],
            update_conflicts=True,
            unique_fields=["mailbox", "uidvalidity", "uid"],
            update_fields=["outcome", "ledger"],
        )
        refused = {ids[raw.sha256] for raw in mails if raw.refusal} & new
        MAIL_QUARANTINED.record_many(
            by=system_viewer("mail"),
            rows=[{"subject_id": pk, "detail": {"code": "message_too_large"}} for pk in sorted(refused)],
        )
        write(box, **_progress(box, mails, cursor))
    turn.visit.new += sorted(new)
    # A mail that was given up is no progress: a server that breaks off at every mail is out of reach.
    turn.visit.settled += sum(outcome != Outcome.FAILED for _one, outcome, _raw_mail in results)


def _progress(box: Mailbox, mails: Sequence[RawMail], cursor: int) -> dict[str, object]:
    """The columns that a settled batch moves."""
    values: dict[str, object] = {"last_uid": max(box.last_uid, cursor)}
    if mails:
        latest = max(mail.received_at for mail in mails)
        values["last_mail_at"] = max(latest, box.last_mail_at) if box.last_mail_at else latest
    if box.stuck_count and cursor >= box.stuck_uid:
        values |= {"stuck_uid": 0, "stuck_count": 0}
    return values


def _is_before(box: Mailbox, one: Listed) -> bool:
    return box.skip_before is not None and one.arrived_at is not None and one.arrived_at < box.skip_before


def _received_at(turn: _Round, one: Listed) -> datetime:
    """When the mail came: as the server says, if it can have come since the last visit.

    An old mail that somebody moves into the folder has come now, or its ticket would begin with a broken promise.
    """
    now = timezone.now()
    if one.arrived_at is None or (turn.since is not None and one.arrived_at < turn.since - _CLOCK_SKEW):
        return now
    return min(one.arrived_at, now)


def windows(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of ranges of ``size`` numbers that together are everything from ``first`` to ``last``."""
    for start in range(first, last + 1, size):
        yield start, min(start + size - 1, last)
