"""Bring the mails that wait in the ledger to their final states, in their order, several at a stretch.

Three things go on at once: while mails are written, the parser reads those that follow, of the next stretch too. Mails that
each open a ticket of their own are written together; should that fail, and for all others, each mail has its own transaction
and its own fate. The mails of an inbox are worked in their order, by one worker at a time: a mail may answer one before it.
Commits do not wait for the disk one by one: should the database server fall over, some of the last mails are *received* again,
whole, and are processed once more.
"""

import logging
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from itertools import islice
from operator import or_

from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.db.models import Min, Q
from django.utils import timezone

from tickets.channels.email.parsing import ParsedMail
from tickets.channels.email.services.mail_trouble import (
    MOST_DATABASE_FAILURES,
    give_back,
    is_of_machine,
    let_go,
    may_be_outage,
    note_database_failure,
)
from tickets.channels.email.services.open_together import (
    OpeningMail,
    first_alone,
    open_together,
    opening_mail,
)
from tickets.channels.email.services.process_mail import (
    claim,
    finish,
    process_mail,
    read_mail,
    waiting_mails,
)
from tickets.models import MailLedger

logger = logging.getLogger(__name__)

# So many mails at most are written together, and so many more are read meanwhile.
STRETCH = 16
# Parsed mails wait in memory for their turn.
STRETCH_BYTES = 8 * 1024 * 1024
# A mail may need ten seconds to be parsed; with less left of its lease it goes back.
_LEAST_LEASE = timedelta(seconds=15)
# For so long the mails that are read wait for those after them, to be written together.
_PATIENCE_SECONDS = 0.5
# What PostgreSQL calls a deadlock and a failed serialization.
_DEADLOCKS = frozenset({"40P01", "40001"})


def process_waiting_mail(*, limit: int = 200, until: datetime | None = None) -> int:
    """Process mails that are *received* and that nobody works on, oldest first; returns how many.

    A mail whose worker was killed waits until its lease is over, and is then processed alone. Stops after ``limit`` or at
    the time ``until``. Raises DatabaseError or OSError when the machine is in trouble; the mails then stay *received*.
    """
    done = 0
    with ThreadPoolExecutor(1, thread_name_prefix="parse-ahead") as ahead:
        line = _Line(ahead)
        try:
            while done < limit and (until is None or timezone.now() < until):
                tried = line.fill(limit - done)
                if line.waiting:
                    done += line.process_next()
                elif tried is not None:
                    process_mail(ledger_id=tried)
                    done += 1
                else:
                    break
        finally:
            line.give_back()
    return done


@dataclass(frozen=True, slots=True)
class _Begun:
    """A mail that is claimed and on its way through the parser."""

    ledger: MailLedger
    parsed: Future[ParsedMail]


class _Line:
    """Claimed mails in their order."""

    def __init__(self, ahead: ThreadPoolExecutor) -> None:
        self.waiting: deque[_Begun] = deque()
        self._ahead = ahead
        # So many of the first are not to be tried together.
        self._alone = 0

    def fill(self, most: int) -> int | None:
        """Claim mails and have them read when there is room, ``most`` in all.

        Returns the id of the next mail when a worker began it before and did not end it: it may have been the mail.
        """
        if len(self.waiting) > STRETCH:
            return None
        # As many as are written next, and as many to read meanwhile.
        ours = {begun.ledger.pk for begun in self.waiting}
        tried, ids = _next_stretch(min(2 * STRETCH, most) - len(self.waiting), ours)
        if tried:
            return ids[0]
        if ids:
            self.waiting += [
                _Begun(ledger, self._ahead.submit(read_mail, ledger)) for ledger in _claim_in_order(ids, ours)
            ]
        return None

    def process_next(self) -> int:
        """Process the first mails together or the very first alone; returns how many were processed."""
        lease = self.waiting[0].ledger.leased_until
        if lease is None or lease - timezone.now() < _LEAST_LEASE:
            self.give_back()
            return 0
        if not self._alone:
            together = self._next_together()
            self._alone = 1
            try:
                opened = open_together(together) if len(together) > 1 else 0
            except Exception as error:  # whatever it is, it shows at the mail that it is about
                if isinstance(error, SoftTimeLimitExceeded):
                    # One of them may have taken all the time: the next run takes each alone.
                    let_go([self.waiting.popleft().ledger for _mail in together])
                if _must_stop(error):
                    if may_be_outage(error):
                        # By one of them, or by none: the next run takes each alone.
                        note_database_failure([self.waiting.popleft().ledger for _mail in together])
                    raise
                logger.warning("%d mails are processed one by one", len(together), exc_info=True)
                opened, self._alone = 0, len(together)
            if opened:
                self._alone = 0
                for _number in range(opened):
                    self.waiting.popleft()
                return opened
        self._alone -= 1
        first = self.waiting.popleft()
        finish(first.ledger, first.parsed.result, flush_later=True)
        return 1

    def _next_together(self) -> list[OpeningMail]:
        """The first mails, as far as they are read and may be opened together. Waits for the very first."""
        found: list[OpeningMail] = []
        first = list(islice(self.waiting, STRETCH))
        wait([first[0].parsed])
        wait([begun.parsed for begun in first], timeout=_PATIENCE_SECONDS)
        for begun in first:
            if not begun.parsed.done() or begun.parsed.exception() is not None:
                break
            try:
                mail = opening_mail(begun.ledger, begun.parsed.result())
            except Exception as error:  # processed alone, the mail is set aside with what is wrong
                if _must_stop(error):
                    if may_be_outage(error):
                        note_database_failure([begun.ledger])
                    raise
                logger.info("mail %s is processed alone", begun.ledger.pk, exc_info=True)
                break
            if mail is None:
                break
            found.append(mail)
        return found[: first_alone(found)]

    def give_back(self) -> None:
        """Let others have what was not begun."""
        for begun in self.waiting:
            begun.parsed.cancel()
        give_back([begun.ledger for begun in self.waiting])
        self.waiting.clear()
        self._alone = 0


def _must_stop(error: Exception) -> bool:
    """Whether to try the mails one by one is of no use: the time is over, or the machine is in trouble. Two writers that wait
    for each other are no trouble."""
    if isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") in _DEADLOCKS:
        return False
    return isinstance(error, SoftTimeLimitExceeded) or is_of_machine(error) or may_be_outage(error)


def _behind_others(ours: Collection[int]) -> Q | None:
    """Which mails come after one of the same inbox that another worker has, while its lease lasts; None for none.

    A mail that the database failed at too often lets others pass.
    """
    theirs = MailLedger.objects.filter(
        state=MailLedger.State.RECEIVED,
        leased_until__gte=timezone.now(),
        database_failures__lt=MOST_DATABASE_FAILURES,
    )
    firsts = theirs.exclude(pk__in=ours).order_by().values_list("inbox").annotate(first=Min("pk"))
    behind = [Q(inbox=inbox, pk__gt=first) for inbox, first in firsts]
    return reduce(or_, behind) if behind else None


def _claim_in_order(ids: Collection[int], ours: Collection[int]) -> list[MailLedger]:
    """Claim mails. Another worker may have claimed some before them at the same moment: then they are its turn."""
    claimed = claim(ids)
    behind = _behind_others({*ours, *(one.pk for one in claimed)})
    if behind is None or not claimed:
        return claimed
    late = set(MailLedger.objects.filter(behind, pk__in=ids).values_list("pk", flat=True))
    give_back([one for one in claimed if one.pk in late])
    return [one for one in claimed if one.pk not in late]


def _next_stretch(most: int, ours: Collection[int]) -> tuple[bool, list[int]]:
    """The ids of the mails to take next; and whether it is one that a worker began before and did not end. ``ours`` are those
    that this worker has."""
    found = waiting_mails()
    behind = _behind_others(ours)
    if behind is not None:
        found = found.exclude(behind)
    waiting = found.order_by("pk").values_list("pk", "attempts", "database_failures", "size")[:most]
    ids: list[int] = []
    total = 0
    for pk, attempts, failures, size in waiting:
        begun = attempts or failures
        if begun and not ids:
            return True, [pk]
        total += size
        if begun or (ids and total > STRETCH_BYTES):
            break
        ids.append(pk)
    return False, ids
