"""Slowing down whoever guesses passwords, without locking out the person whose password is guessed.

Three counters (docs/decisions/0009): a person from one address; one address over all persons; a person from anywhere.
The last one never holds up a browser that the person has used before, so a stranger cannot lock anybody out for long.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from core.networks import network_of
from people.models import LoginPause


@dataclass(frozen=True)
class Rule:
    """``free`` failures cost nothing; each further one pauses, twice as long as the one before, up to ``longest``."""

    name: str
    free: int
    first: timedelta
    longest: timedelta
    forget_after: timedelta

    def pause(self, failures: int) -> timedelta:
        """Return the pause that this many failures have earned."""
        if failures < self.free:
            return timedelta(0)
        doubled: int = 2 ** min(failures - self.free, 16)
        return min(self.longest, self.first * doubled)


PAIR = Rule("pair", 5, timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24))
ADDRESS = Rule("address", 50, timedelta(minutes=5), timedelta(hours=1), timedelta(hours=2))
PERSON = Rule("person", 40, timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=2))

FEEDBACK = Rule("feedback", 60, timedelta(minutes=1), timedelta(hours=1), timedelta(minutes=10))
LINK = Rule("link", 20, timedelta(minutes=5), timedelta(hours=1), timedelta(hours=1))


@dataclass(frozen=True)
class Attempt:
    """One attempt: whose login, from which network address, in a browser the person has logged in with before?"""

    email: str
    address: str
    known_device: bool = False

    def counters(self) -> list[tuple[Rule, str]]:
        """Return the counters this attempt falls under, with their keys."""
        found = [
            (PAIR, _key("pair", self.email, network_of(self.address))),
            (ADDRESS, _key("address", network_of(self.address))),
        ]
        return found if self.known_device else [*found, (PERSON, _key("person", self.email))]


def paused_until(attempt: Attempt) -> datetime | None:
    """Return when the next try is allowed, or None when it is allowed now."""
    keys = [key for _rule, key in attempt.counters()]
    pauses = LoginPause.objects.filter(key__in=keys, paused_until__gt=timezone.now()).order_by(
        "-paused_until"
    )
    return pauses.values_list("paused_until", flat=True).first()


def count_attempt(attempt: Attempt) -> tuple[int, datetime | None]:
    """Count the attempt as a failure before the password is looked at, so that parallel guesses all count.

    Returns how many tries are left before a pause and the pause that begins should this one fail.
    """
    left, until = PAIR.free, None
    with transaction.atomic():
        for rule, key in attempt.counters():
            row = _count(rule, key)
            left = min(left, max(0, rule.free - row.failures))
            if row.paused_until is not None:
                until = max(until or row.paused_until, row.paused_until)
    return left, until


def may_ask_for_link(address: str) -> bool:
    """Count a request for a password link; False while this network address has asked too often."""
    key = _key("link", network_of(address))
    if LoginPause.objects.filter(key=key, paused_until__gt=timezone.now()).exists():
        return False
    with transaction.atomic():
        _count(LINK, key)
    return True


def may_give_feedback(address: str) -> bool:
    """Count an answer on a public page; False while this network address has sent too many."""
    key = _key("feedback", network_of(address))
    if LoginPause.objects.filter(key=key, paused_until__gt=timezone.now()).exists():
        return False
    with transaction.atomic():
        _count(FEEDBACK, key)
    return True


def forgive_attempt(attempt: Attempt) -> None:
    """Take back what ``count_attempt`` counted after a right password.

    Only the pair starts afresh: one right password must not buy an address more guesses about other persons.
    """
    with transaction.atomic():
        for rule, key in attempt.counters():
            rows = LoginPause.objects.filter(key=key)
            if rule is PAIR:
                rows.delete()
            else:
                rows.update(failures=Greatest(F("failures") - 1, 0), paused_until=None)


def forget_old_pauses() -> int:
    """Delete counters that no rule looks at any more; returns how many."""
    longest = max(rule.forget_after for rule in (PAIR, ADDRESS, PERSON))
    return LoginPause.objects.filter(last_failure_at__lt=timezone.now() - longest).delete()[0]


def _count(rule: Rule, key: str) -> LoginPause:
    """Add one to a counter, in the caller's transaction, and set the pause it has earned."""
    now = timezone.now()
    LoginPause.objects.get_or_create(key=key, defaults={"last_failure_at": now})
    row = LoginPause.objects.select_for_update().get(key=key)
    row.failures = row.failures + 1 if now - row.last_failure_at < rule.forget_after else 1
    row.last_failure_at = now
    pause = rule.pause(row.failures)
    row.paused_until = now + pause if pause else None
    row.save()
    return row


def _key(*parts: str) -> str:
    return hashlib.sha256("\x00".join(part.strip().lower() for part in parts).encode()).hexdigest()
