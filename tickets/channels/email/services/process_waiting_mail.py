"""Bring the mails that wait in the ledger to their final states, several at a stretch.

Each mail has its own transaction and its own fate. What a stretch shares is the claim, a parser that reads the next mail
while the last is written, and commits that do not wait for the disk one by one: should the database server fall over, some
of the last mails are *received* again, whole, and are processed once more.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.utils import timezone

from core.database import commits_flushed_later
from tickets.channels.email.services.process_mail import (
    claim,
    finish,
    give_back,
    process_mail,
    read_mail,
    waiting_mails,
)
from tickets.models import MailLedger

STRETCH = 16
# Parsed mails wait in memory for their turn.
STRETCH_BYTES = 8 * 1024 * 1024
# A mail may need ten seconds to be parsed; with less left of its lease it goes back.
_LEAST_LEASE = timedelta(seconds=15)


def process_waiting_mail(*, limit: int = 200, until: datetime | None = None) -> int:
    """Process mails that are *received* and that nobody works on, oldest first; returns how many.

    A mail whose worker was killed waits until its lease is over, and is then processed alone. Stops after ``limit`` or at
    the time ``until``. Raises DatabaseError or OSError when the machine is in trouble; the mails then stay *received*.
    """
    done = 0
    with commits_flushed_later(), ThreadPoolExecutor(1, thread_name_prefix="parse-ahead") as ahead:
        while done < limit and (until is None or timezone.now() < until):
            tried, ids = _next_stretch(min(STRETCH, limit - done))
            if tried:
                process_mail(ledger_id=ids[0])
                done += 1
            elif ids:
                done += _process(claim(ids), ahead, until)
            else:
                break
    return done


def _next_stretch(most: int) -> tuple[bool, list[int]]:
    """The ids of the mails to take next; and whether it is one that a worker began before and did not end."""
    waiting = waiting_mails().order_by("pk").values_list("pk", "attempts", "size")[:most]
    ids: list[int] = []
    total = 0
    for pk, attempts, size in waiting:
        if attempts and not ids:
            return True, [pk]
        total += size
        if attempts or (ids and total > STRETCH_BYTES):
            break
        ids.append(pk)
    return False, ids


def _process(ledgers: Sequence[MailLedger], ahead: ThreadPoolExecutor, until: datetime | None) -> int:
    """Process claimed mails in their order; what the time is too short for goes back. Returns how many were processed."""
    parsed = [ahead.submit(read_mail, ledger) for ledger in ledgers]
    done = 0
    try:
        for ledger, future in zip(ledgers, parsed, strict=True):
            now = timezone.now()
            if ledger.leased_until is None or ledger.leased_until - now < _LEAST_LEASE:
                break
            if until is not None and now >= until:
                break
            done += 1
            finish(ledger, future.result)
    finally:
        for future in parsed[done:]:
            future.cancel()
        give_back(ledgers[done:])
    return done
