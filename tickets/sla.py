"""The clock of a promise: a pure function over when a ticket was opened, its status changes and the calendar.

The first answer is due a number of business seconds after opening. The solution is due when the ticket has spent the
promised business seconds in a status that runs; time in any other status is credited back in full. Reopening goes on
where the clock stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.calendars import OpeningHours

# Status categories in which we are the ones to act.
RUNNING = frozenset({"new", "open"})


@dataclass(frozen=True)
class StatusChange:
    """From ``at`` on the ticket is in a status of this category."""

    at: datetime
    category: str


@dataclass(frozen=True)
class Promise:
    """Business seconds within which the first answer and the solution are promised, and the hours they count in."""

    hours: OpeningHours
    first_response_seconds: int
    resolution_seconds: int


@dataclass(frozen=True)
class Interval:
    """A stretch in one status category; ``end`` is None for the present one. ``seconds`` are the business seconds that
    count towards the solution: 0 where the clock stands still, None for the present stretch."""

    start: datetime
    end: datetime | None
    category: str
    seconds: float | None

    @property
    def runs(self) -> bool:
        """Whether the clock runs in it."""
        return self.category in RUNNING


@dataclass(frozen=True)
class Clock:
    """What the promise comes to. ``resolution_due_at`` is None while the clock stands still, unless the time had run out
    before; ``used_seconds`` are the business seconds used before the present stretch."""

    first_response_due_at: datetime
    resolution_due_at: datetime | None
    used_seconds: float
    intervals: tuple[Interval, ...]


def run_clock(*, opened_at: datetime, changes: Sequence[StatusChange], promise: Promise) -> Clock:
    """Compute the deadlines of a ticket opened in status "new" at ``opened_at``; ``changes`` ascend in time.

    A change dated before its predecessor counts from its predecessor's moment. Raises ``core.calendars.CalendarError``
    when the calendar does not hold the promised time within ten years.
    """
    intervals = split_intervals(opened_at=opened_at, changes=changes, hours=promise.hours)
    return Clock(
        first_response_due_at=promise.hours.add_seconds(opened_at, promise.first_response_seconds),
        resolution_due_at=_resolution_due(intervals, promise),
        used_seconds=sum(interval.seconds or 0.0 for interval in intervals),
        intervals=intervals,
    )


def split_intervals(
    *, opened_at: datetime, changes: Sequence[StatusChange], hours: OpeningHours
) -> tuple[Interval, ...]:
    """The stretches of a ticket's life with the business seconds each has used; the last one is open-ended."""
    intervals: list[Interval] = []
    start, category = opened_at, "new"
    for change in changes:
        at = max(change.at, start)
        seconds = hours.seconds_between(start, at) if category in RUNNING else 0.0
        intervals.append(Interval(start, at, category, seconds))
        start, category = at, change.category
    intervals.append(Interval(start, None, category, None))
    return tuple(intervals)


def _resolution_due(intervals: Sequence[Interval], promise: Promise) -> datetime | None:
    """The moment at which the running stretches have used up the promise, if that is known."""
    remaining = float(promise.resolution_seconds)
    for interval in intervals:
        if not interval.runs:
            continue
        if interval.seconds is None or interval.seconds > remaining:
            return promise.hours.add_seconds(interval.start, remaining)
        remaining -= interval.seconds
    return None
