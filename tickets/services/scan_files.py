"""Look for malware in stored files: work off what is due, ask for another look, say how the scanner is.

The row of a content is its place in the queue, so nothing is lost with a worker or the scanner: a look that was broken off is
repeated, a scanner that does not answer is asked again by the next tick. No call to the scanner happens in a transaction.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from core.job_runner import start_job
from core.models import Heartbeat, Job
from people.viewer import Viewer, system_viewer
from tickets.events import (
    ATTACHMENT_BLOCKED,
    ATTACHMENT_RELEASED,
    FILE_BLOCKED,
    FILE_RELEASED,
    FILES_RESCANNED,
)
from tickets.models import Attachment, Draft, MailLedger, StoredFile
from tickets.registry import ScanInterrupted, Scanner, ScannerUnavailable, ScanRefused, active_scanner
from tickets.stored_files import note_contents, read_file, storage_key

BEAT = "file-scanner"
RESCAN_KIND = "tickets.rescan_files"
LEASE = timedelta(seconds=90)
ASK_EVERY = timedelta(seconds=60)
# Looks at a time, over all workers, so that a slow scanner leaves processes to mails and events. With SQLite there are two
# processes for everything.
MOST_AT_ONCE = 2
MOST_AT_ONCE_EMBEDDED = 1
# Pauses after looks that were broken off; after the last one the file counts as one that could not be scanned.
PAUSES = (10, 30, 60, 300, 900, 1800, 3600)
KINDS = ("attachment", "mail", "draft")
_VERDICTS = (StoredFile.Scan.CLEAN, StoredFile.Scan.INFECTED, StoredFile.Scan.FAILED)


@dataclass(frozen=True)
class ScannerState:
    """How the scanner was when it was last asked: ``since`` is when that began, ``error`` why it does not answer."""

    name: str
    reachable: bool
    asked_at: datetime | None = None
    since: datetime | None = None
    error: str = ""


def scanner_state() -> ScannerState | None:
    """Return how the configured scanner is, None without one. One query; nobody is asked."""
    scanner = active_scanner()
    if scanner is None:
        return None
    row = Heartbeat.objects.filter(name=BEAT).first()
    if row is None:
        return ScannerState(str(scanner.label), reachable=True)
    since = parse_datetime(row.detail.get("since", ""))
    name = row.detail.get("version") or str(scanner.label)
    return ScannerState(
        name, row.detail.get("reachable", True), row.beat_at, since, row.detail.get("error", "")
    )


def counts_of_files() -> dict[str, int]:
    """Return the number of stored contents by verdict, and under "due" of those that wait for a look."""
    counted = dict(StoredFile.objects.order_by().values_list("scan").annotate(n=Count("pk")))
    due = StoredFile.objects.filter(scan_after__isnull=False).count()
    return {**{scan: counted.get(scan, 0) for scan in StoredFile.Scan.values}, "due": due}


def scan_waiting_files(*, until: datetime) -> int:
    """Look at the files that are due, the newest first and those whose look broke off last, until none is left, others look at
    as many as may be looked at together, or the time is over; returns how many."""
    scanner = active_scanner()
    if scanner is None or not _answers(scanner):
        return 0
    looked = 0
    while timezone.now() < until:
        file = _claim()
        if file is None:
            break
        try:
            _look(file, scanner)
        except ScannerUnavailable as error:
            _give_back(file)
            _note_state(error=str(error))
            break
        looked += 1
    return looked


@transaction.atomic
def request_rescan(*, by: Viewer, states: Collection[str] = _VERDICTS) -> Job:
    """Queue the job that has files of these verdicts looked at again, and every file that no row knows of yet.

    Until then each keeps its verdict.
    """
    by.require("operations.retry")
    chosen = sorted(set(states) & set(_VERDICTS))
    FILES_RESCANNED.record(by=by, subject_id=0, detail={"states": chosen})
    return start_job(
        kind=RESCAN_KIND, key=",".join(chosen), by=by, params={"states": chosen}, requested_by_id=by.user_id
    )


def make_due(*, states: Collection[str], after: int, limit: int = 1000) -> tuple[int, int | None]:
    """Make the next files of these verdicts due; returns how many, and the last id (None at the end)."""
    ids = list(
        StoredFile.objects.filter(scan__in=states, pk__gt=after)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    StoredFile.objects.filter(pk__in=ids).update(scan_after=timezone.now(), attempts=0)
    return len(ids), ids[-1] if len(ids) == limit else None


def note_unknown(kind: str, after: int, limit: int = 1000) -> tuple[int, int | None]:
    """Make rows for the contents that attachments, mails and drafts (KINDS) name and no row knows, as after a restore.

    Returns how many were read, and the last id (None at the end).
    """
    table: Any = {"attachment": Attachment, "mail": MailLedger, "draft": Draft}[kind]
    rows = list(table.objects.filter(pk__gt=after).order_by("pk")[:limit])
    sizes: dict[str, int] = {}
    for row in rows:
        entries = row.files if kind == "draft" else [vars(row)]
        sizes |= {one["sha256"]: int(one["size"]) for one in entries if one["storage_key"]}
    note_contents(sizes)
    return len(rows), rows[-1].pk if len(rows) == limit else None


def _claim() -> StoredFile | None:
    """Lease the due file that nobody holds: the newest of those that broke off least often. None while enough are held."""
    now = timezone.now()
    most = MOST_AT_ONCE_EMBEDDED if connection.vendor == "sqlite" else MOST_AT_ONCE
    if StoredFile.objects.filter(leased_until__gte=now).count() >= most:
        return None
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = StoredFile.objects.filter(free, scan_after__lte=now).order_by("attempts", "-pk")
    for file in due[:5]:
        token = secrets.token_hex(16)
        if StoredFile.objects.filter(free, pk=file.pk, scan_after=file.scan_after).update(
            leased_until=now + LEASE, lease_token=token
        ):
            file.lease_token = token
            return file
    return None


def _give_back(file: StoredFile) -> None:
    StoredFile.objects.filter(pk=file.pk, lease_token=file.lease_token).update(leased_until=None)


def _look(file: StoredFile, scanner: Scanner) -> None:
    """Scan one leased file and write the verdict; raises ScannerUnavailable."""
    try:
        content = read_file(storage_key(file.sha256))
    except FileNotFoundError:
        _settle(file, StoredFile.Scan.FAILED, error=_("not in the storage any more"))
        return
    except OSError as error:
        _try_later(file, _("could not be read: %s") % (error.strerror or type(error).__name__))
        return
    try:
        signature = scanner.scan(content)
    except ScanRefused as error:
        _settle(file, StoredFile.Scan.FAILED, error=str(error))
    except ScanInterrupted as error:
        _try_later(file, str(error))
    else:
        _settle(file, StoredFile.Scan.INFECTED if signature else StoredFile.Scan.CLEAN, signature=signature)


def _try_later(file: StoredFile, error: str) -> None:
    if file.attempts >= len(PAUSES):
        _settle(file, StoredFile.Scan.FAILED, error=error)
        return
    StoredFile.objects.filter(pk=file.pk, lease_token=file.lease_token).update(
        attempts=file.attempts + 1,
        scan_after=timezone.now() + timedelta(seconds=PAUSES[file.attempts]),
        scan_error=error[:300],
        leased_until=None,
    )


@transaction.atomic
def _settle(file: StoredFile, scan: str, *, signature: str = "", error: str = "") -> None:
    """Write the verdict, while the lease is ours, and tell the tickets when it holds the file or lets it go."""
    state = Heartbeat.objects.filter(name=BEAT).values_list("detail", flat=True).first() or {}
    settled = StoredFile.objects.filter(pk=file.pk, lease_token=file.lease_token).update(
        scan=scan,
        signature=signature[:200],
        scan_error=error[:300],
        scanned_at=timezone.now(),
        scanned_by=str(state.get("version", ""))[:120],
        scan_after=None,
        attempts=0,
        leased_until=None,
    )
    was_blocked, is_blocked = file.scan == StoredFile.Scan.INFECTED, scan == StoredFile.Scan.INFECTED
    if not settled or was_blocked == is_blocked:
        return
    by, found = system_viewer("scanner"), signature or file.signature
    (FILE_BLOCKED if is_blocked else FILE_RELEASED).record(
        by=by, subject_id=file.pk, detail={"signature": found}
    )
    tickets = Attachment.objects.filter(sha256=file.sha256).order_by().distinct()
    (ATTACHMENT_BLOCKED if is_blocked else ATTACHMENT_RELEASED).record_many(
        by=by,
        rows=[
            {"subject_id": ticket, "ticket_id": ticket, "account_id": account, "detail": {"reason": found}}
            for ticket, account in tickets.values_list("message__ticket_id", "message__ticket__account_id")
        ],
    )


def _answers(scanner: Scanner) -> bool:
    """Whether the scanner answers: as it was within the last minute, else it is asked for its version."""
    row = Heartbeat.objects.filter(name=BEAT).first()
    if row is not None and row.detail.get("reachable") and timezone.now() - row.beat_at < ASK_EVERY:
        return True
    try:
        _note_state(version=scanner.version())
    except ScannerUnavailable as error:
        _note_state(error=str(error))
        return False
    return True


def _note_state(*, version: str = "", error: str = "") -> None:
    now = timezone.now()
    row = Heartbeat.objects.filter(name=BEAT).first()
    before = {} if row is None else row.detail
    reachable = not error
    since = before.get("since") if before.get("reachable") is reachable else now.isoformat()
    detail = {
        "reachable": reachable,
        "since": since,
        "error": error[:300],
        "version": version or before.get("version", ""),
    }
    Heartbeat.objects.update_or_create(name=BEAT, defaults={"beat_at": now, "detail": detail})
