"""The clock of a promise: a pure function over when a ticket was opened, its messages, its status changes and the calendar.

The first answer is due a number of business seconds after opening. Each next answer is due a number of business seconds
after the oldest message that the customer is waiting on. The solution is due when the ticket has spent the promised
business seconds in a status that runs; time in any other status is credited back in full. Reopening goes on where the
clock stopped. No status stops the promise of an answer: a customer who waits is waiting whatever we call it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.calendars import OpeningHours

# Status categories in which we are the ones to act: what events say that were recorded before they told themselves.
RUNNING = frozenset({"new", "open"})
OVER = frozenset({"resolved", "closed"})

PromiseName = Literal["first_response", "next_response", "resolution"]
PROMISES: tuple[PromiseName, ...] = ("first_response", "next_response", "resolution")


@dataclass(frozen=True)
class StatusChange:
    """From ``at`` on the ticket is in a status of this category; ``runs`` tells whether the clock runs in it, None when
    that was not recorded and the category has to tell."""

    at: datetime
    category: str
    runs: bool | None = None

    @property
    def clock_runs(self) -> bool:
        """Whether the clock of the solution runs from here on."""
        return self.category in RUNNING if self.runs is None else self.runs


@dataclass(frozen=True)
class Turn:
    """A message between the customer (``inbound``) and us. Notes and automatic messages are no turns."""

    at: datetime
    inbound: bool


@dataclass(frozen=True)
class Promise:
    """Business seconds within which answers and the solution are promised (None: not promised), and the hours they count
    in."""

    hours: OpeningHours
    first_response_seconds: int | None
    resolution_seconds: int | None
    next_response_seconds: int | None = None

    def seconds(self, name: PromiseName) -> int | None:
        """Return what is promised under this name."""
        return {
            "first_response": self.first_response_seconds,
            "next_response": self.next_response_seconds,
            "resolution": self.resolution_seconds,
        }[name]


@dataclass(frozen=True)
class Interval:
    """A stretch in one status category; ``end`` is None for the present one. ``seconds`` are the business seconds that
    count towards the solution: 0 where the clock stands still, None for the present stretch. ``runs``: the clock runs."""

    start: datetime
    end: datetime | None
    category: str
    seconds: float | None
    runs: bool


@dataclass(frozen=True)
class Clock:
    """What the promise comes to. ``resolution_due_at`` is None while the clock stands still, unless the time had run out
    before; ``next_response_due_at`` is None unless the customer has written since our last answer. ``used_seconds`` are
    the business seconds used before the present stretch."""

    first_response_due_at: datetime | None
    resolution_due_at: datetime | None
    used_seconds: float
    intervals: tuple[Interval, ...]
    next_response_due_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """Since when the customer waits for an answer (None: does not), and whether we have ever answered."""

    since: datetime | None
    answered: bool


def run_clock(
    *,
    opened_at: datetime,
    changes: Sequence[StatusChange],
    promise: Promise,
    waiting: Waiting | None = None,
) -> Clock:
    """Compute the deadlines of a ticket opened in status "new" at ``opened_at``; ``changes`` ascend in time.

    A change dated before its predecessor counts from its predecessor's moment. ``waiting`` comes from ``whose_turn`` or
    from the columns that say the same. Raises ``core.calendars.CalendarError`` when the calendar does not hold the
    promised time within ten years.
    """
    intervals = split_intervals(opened_at=opened_at, changes=changes, hours=promise.hours)

    def due(name: PromiseName) -> datetime | None:
        seconds = promise.seconds(name)
        if seconds is None:
            return None
        return moment_when_used(
            name, seconds, opened_at=opened_at, intervals=intervals, waiting=waiting, hours=promise.hours
        )

    return Clock(
        first_response_due_at=due("first_response"),
        next_response_due_at=due("next_response"),
        resolution_due_at=due("resolution"),
        used_seconds=sum(interval.seconds or 0.0 for interval in intervals),
        intervals=intervals,
    )


def moment_when_used(
    name: PromiseName,
    seconds: float,
    *,
    opened_at: datetime,
    intervals: Sequence[Interval],
    waiting: Waiting | None,
    hours: OpeningHours,
) -> datetime | None:
    """Return when ``seconds`` of a promise's time are used up: the deadline for all of them, the moment of a warning for a
    part. None when the promise does not run or stands still before."""
    if name == "first_response":
        return hours.add_seconds(opened_at, seconds)
    if name == "next_response":
        if waiting is None or waiting.since is None or not waiting.answered:
            return None
        return hours.add_seconds(waiting.since, seconds)
    return _used_up(intervals, seconds, hours)


def whose_turn(turns: Sequence[Turn], changes: Sequence[StatusChange]) -> Waiting:
    """Return since when the customer waits: since the oldest message after our last answer and after the last solution.

    Both ascend in time. Solving a ticket is an answer of its own: what was written before it is waited on no longer.
    """
    steps = sorted(
        [(turn.at, 1 if turn.inbound else 0, turn) for turn in turns]
        + [(change.at, 2, change) for change in changes if change.category in OVER],
        key=lambda step: step[:2],
    )
    since: datetime | None = None
    answered = False
    for at, _order, step in steps:
        if isinstance(step, Turn) and step.inbound:
            since = at if since is None else since
        else:
            since = None
            answered = answered or isinstance(step, Turn)
    return Waiting(since, answered)


def split_intervals(
    *, opened_at: datetime, changes: Sequence[StatusChange], hours: OpeningHours
) -> tuple[Interval, ...]:
    """The stretches of a ticket's life with the business seconds each has used; the last one is open-ended."""
    intervals: list[Interval] = []
    start, category, runs = opened_at, "new", True
    for change in changes:
        at = max(change.at, start)
        seconds = hours.seconds_between(start, at) if runs else 0.0
        intervals.append(Interval(start, at, category, seconds, runs))
        start, category, runs = at, change.category, change.clock_runs
    intervals.append(Interval(start, None, category, None, runs))
    return tuple(intervals)


def _used_up(intervals: Sequence[Interval], seconds: float, hours: OpeningHours) -> datetime | None:
    """The moment at which the running stretches have used up ``seconds``, if that is known."""
    remaining = float(seconds)
    for interval in intervals:
        if not interval.runs:
            continue
        if interval.seconds is None or interval.seconds > remaining:
            return hours.add_seconds(interval.start, remaining)
        remaining -= interval.seconds
    return None
