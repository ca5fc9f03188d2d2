"""What becomes of a mail that could not be processed: whose fault that was, and when the mail is tried again.

Trouble is surely the machine's (the attempt does not count), the mail's as far as can be told (three attempts), or the
database's. The last may be either: a lost connection is an outage, or the mail that makes the server fall over. Such failures
have a count of their own, one a minute. At five the mail lets those behind it pass, and only when others went through and it
fails again it is the mail.
"""

import errno
from collections.abc import Collection
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import F, Q
from django.utils import timezone

from tickets.models import MailLedger

MAX_ATTEMPTS = 3
MOST_DATABASE_FAILURES = 5
# Failures of one minute are one: a database that is away for a moment is asked many times.
ONE_FAILURE = timedelta(minutes=1)
# For so long a mail that may be at fault lets others pass.
STANDS_BACK = timedelta(minutes=2)
# What PostgreSQL calls a limit that one mail has gone over (54...), and a statement that ran too long.
_LIMITS = ("54", "57014")
# No connection, disk full, too many connections, shut down or starting, read-only, an error of its machine.
_OUTAGES = ("08", "25006", "53100", "53300", "53400", "57P", "58")
# What SQLite calls busy, locked, read-only, a failed read or write, full, not to be opened, and a broken lock.
_SQLITE_OUTAGES = frozenset({5, 6, 8, 10, 13, 14, 15})
# The disk is full or read-only, or there are too many open files or processes.
_EXHAUSTED = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}
)
State = MailLedger.State


def is_of_machine(error: BaseException) -> bool:
    """Whether what went wrong is surely about no mail: the database is away, or the disk or the processes are exhausted."""
    if isinstance(error, DatabaseError):
        sqlite = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
        return _sqlstate(error).startswith(_OUTAGES) or sqlite in _SQLITE_OUTAGES
    return isinstance(error, InterfaceError) or (isinstance(error, OSError) and error.errno in _EXHAUSTED)


def may_be_outage(error: BaseException) -> bool:
    """Whether the database failed by what may be its own trouble, or the mail's."""
    return isinstance(error, OperationalError) and not (
        _sqlstate(error).startswith(_LIMITS) or is_of_machine(error)
    )


def let_go(ledgers: Collection[MailLedger]) -> None:
    """Let mails that were begun be tried again: the attempt counts."""
    _reconnect()
    for ledger in ledgers:
        MailLedger.objects.filter(_is_ours(ledger)).update(leased_until=None)


def give_back(ledgers: Collection[MailLedger]) -> None:
    """Let others have mails that were claimed and not begun: the attempt does not count."""
    _reconnect()
    for ledger in ledgers:
        MailLedger.objects.filter(_is_ours(ledger)).update(leased_until=None, attempts=F("attempts") - 1)


def note_database_failure(ledgers: Collection[MailLedger]) -> None:
    """Count a failure of the database instead of the attempt; one failure too many lets others pass.

    Raises DatabaseError while the database is away: nothing is counted then.
    """
    _reconnect()
    now = timezone.now()
    for ledger in ledgers:
        failures, failed_at = ledger.database_failures, ledger.database_failed_at
        if failed_at is None or failed_at <= now - ONE_FAILURE:
            failures, failed_at = min(failures + 1, MOST_DATABASE_FAILURES), now
        MailLedger.objects.filter(_is_ours(ledger)).update(
            attempts=F("attempts") - 1,
            database_failures=failures,
            database_failed_at=failed_at,
            leased_until=now + STANDS_BACK if failures == MOST_DATABASE_FAILURES else None,
        )


def others_went_through(ledger: MailLedger) -> bool:
    """Whether the mail let others pass after too many failures, and they did: the database is not what failed."""
    if ledger.database_failures < MOST_DATABASE_FAILURES:
        return False
    passed = MailLedger.objects.filter(processed_at__gt=ledger.database_failed_at).exclude(pk=ledger.pk)
    return passed.exclude(state__in=(State.RECEIVED, State.QUARANTINED)).exists()


def _is_ours(ledger: MailLedger) -> Q:
    return Q(pk=ledger.pk, state=State.RECEIVED, leased_until=ledger.leased_until)


def _sqlstate(error: BaseException) -> str:
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def _reconnect() -> None:
    """What follows is written by a new connection when the old one was lost."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
