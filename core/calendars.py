"""Business time: how many open seconds lie between two moments, and when a number of open seconds is over.

Pure functions on the UTC time line; local windows are converted per day, so daylight saving changes are exact.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HORIZON_DAYS = 3660


class CalendarError(ValueError):
    """The calendar cannot be used; the text says which part is wrong."""


@dataclass(frozen=True)
class OpeningHours:
    """Opening windows per weekday (0 = Monday) in a zone, minus holidays."""

    zone: ZoneInfo
    windows: Mapping[int, Sequence[tuple[time, time]]]
    holidays: frozenset[date] = field(default_factory=frozenset)

    @classmethod
    def always(cls) -> "OpeningHours":
        """Return hours that never close."""
        return cls(ZoneInfo("UTC"), {day: ((time(0), time(0)),) for day in range(7)})

    @classmethod
    def parse(
        cls, *, timezone: str, windows: Mapping[str, Sequence[Sequence[str]]], holidays: Iterable[str]
    ) -> "OpeningHours":
        """Build from JSON values; "24:00" (or an end of "00:00") means midnight. Raises CalendarError."""
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise CalendarError(f"unknown time zone {timezone!r}") from error
        parsed: dict[int, list[tuple[time, time]]] = {}
        for day, ranges in windows.items():
            if str(day) not in {"0", "1", "2", "3", "4", "5", "6"}:
                raise CalendarError(f"weekday {day!r} is not 0 to 6")
            parsed[int(day)] = _parse_ranges(day, ranges)
        if not any(parsed.values()):
            raise CalendarError("at least one weekday needs an opening window")
        try:
            days = frozenset(date.fromisoformat(day) for day in holidays)
        except (TypeError, ValueError) as error:
            raise CalendarError(f"holiday is no ISO date: {error}") from error
        return cls(zone, parsed, days)

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open spans of one local day as UTC moments, in order."""
        if day in self.holidays:
            return
        for start, end in self.windows.get(day.weekday(), ()):
            first = datetime.combine(day, start, self.zone).astimezone(UTC)
            last_day = day + timedelta(days=1) if end == time(0) else day
            last = datetime.combine(last_day, end, self.zone).astimezone(UTC)
            if last > first:
                yield first, last

    def is_open(self, moment: datetime) -> bool:
        """Say whether ``moment`` lies in an opening window."""
        day = moment.astimezone(self.zone).date()
        return any(start <= moment < end for start, end in self.spans(day))

    def seconds_between(self, start: datetime, end: datetime) -> float:
        """Return the open seconds in [start, end); negative when the end lies before the start."""
        # Differences of two moments in one local zone would be wall-clock differences, so everything is UTC here.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end < start:
            return -self.seconds_between(end, start)
        total = 0.0
        day = start.astimezone(self.zone).date()
        last_day = end.astimezone(self.zone).date()
        while day <= last_day:
            for first, last in self.spans(day):
                total += max(0.0, (min(last, end) - max(first, start)).total_seconds())
            day += timedelta(days=1)
        return total

    def add_seconds(self, start: datetime, seconds: float) -> datetime:
        """Return the moment at which ``seconds`` (>= 0) of open time after ``start`` are over.

        Raises CalendarError when ten years do not hold that much open time.
        """
        start = start.astimezone(UTC)
        remaining = timedelta(seconds=seconds)
        day = start.astimezone(self.zone).date()
        for offset in range(HORIZON_DAYS):
            for first, last in self.spans(day + timedelta(days=offset)):
                begin = max(first, start)
                if begin >= last:
                    continue
                if remaining <= last - begin:
                    return begin + remaining
                remaining -= last - begin
        raise CalendarError("the calendar does not hold this much open time")


def _parse_ranges(day: str, ranges: Sequence[Sequence[str]]) -> list[tuple[time, time]]:
    """Parse one weekday's windows, sorted; raises CalendarError on overlap or an end before the start."""
    result: list[tuple[time, time]] = []
    ends: list[int] = []
    for entry in sorted(ranges, key=list):
        try:
            start_text, end_text = entry
            start = time.fromisoformat(start_text)
            end = time(0) if end_text == "24:00" else time.fromisoformat(end_text)
        except (TypeError, ValueError) as error:
            raise CalendarError(f"weekday {day}: {entry!r} is no window like ['09:00', '17:00']") from error
        start_minute = start.hour * 60 + start.minute
        end_minute = end.hour * 60 + end.minute or 1440
        if end_minute <= start_minute:
            raise CalendarError(f"weekday {day}: {end_text} is not after {start_text}")
        if ends and start_minute < ends[-1]:
            raise CalendarError(f"weekday {day}: windows overlap at {start_text}")
        ends.append(end_minute)
        result.append((start, end))
    return result
