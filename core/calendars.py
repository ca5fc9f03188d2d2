"""Business time: how many open seconds lie between two moments, and when a number of open seconds is over.

Pure functions on the UTC time line; local windows are converted per day, so daylight saving changes are exact. Per local
year the days are summed up once, so spans of years cost as much as spans of hours.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.public_holidays import holidays_in, is_known

HORIZON_YEARS = 10
_DAY = timedelta(days=1)

Spans = tuple[tuple[datetime, datetime], ...]


class CalendarError(ValueError):
    """The calendar cannot be used; the text says which part is wrong."""


@dataclass(frozen=True)
class _Year:
    """One local year: its first day, and the open seconds before each of its days (one entry more than days)."""

    first: date
    before: tuple[float, ...]


@dataclass(frozen=True)
class OpeningHours:
    """Opening windows per weekday (0 = Monday) in a zone, minus own holidays and the public ones of a country or region."""

    zone: ZoneInfo
    windows: Mapping[int, Sequence[tuple[time, time]]]
    holidays: frozenset[date] = field(default_factory=frozenset)
    country: str = ""
    region: str = ""
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)
    _days: dict[date, Spans] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def always(cls) -> "OpeningHours":
        """Return hours that never close."""
        return _ALWAYS

    @classmethod
    def parse(
        cls,
        *,
        timezone: str,
        windows: Mapping[str, Sequence[Sequence[str]]],
        holidays: Iterable[str],
        country: str = "",
        region: str = "",
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
        if (country or region) and not is_known(country, region):
            raise CalendarError(f"no public holidays are known for {country} {region}".strip())
        return cls(zone, parsed, days, country, region)

    def holiday_name(self, day: date) -> str | None:
        """Return why a day is a holiday: the name of a public one, "" for an own one; None on other days."""
        public = holidays_in(self.country, self.region, day.year).get(day) if self.country else None
        if public is not None:
            return public
        return "" if day in self.holidays else None

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open spans of one local day as UTC moments, in order."""
        if self.holiday_name(day) is not None:
            return
        for start, end in self.windows.get(day.weekday(), ()):
            first = datetime.combine(day, start, self.zone).astimezone(UTC)
            last_day = day + _DAY if end == time(0) else day
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
        if self is _ALWAYS:
            return (end - start).total_seconds()
        first, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        total = 0.0
        for year in range(first.year, last.year + 1):
            known = self._year(year)
            low = max(0, (first - known.first).days)
            high = min(len(known.before) - 2, (last - known.first).days)
            total += known.before[high + 1] - known.before[low]
        return total - self._open_before(start, first) - self._open_after(end, last)

    def add_seconds(self, start: datetime, seconds: float) -> datetime:
        """Return the moment at which ``seconds`` (>= 0) of open time after ``start`` are over.

        Raises CalendarError when ten years do not hold that much open time.
        """
        start = start.astimezone(UTC)
        remaining = timedelta(seconds=seconds)
        if self is _ALWAYS:
            return start + remaining
        day = start.astimezone(self.zone).date()
        for first, last in self._spans_of(day):
            begin = max(first, start)
            if begin > last:
                continue
            if remaining <= last - begin:
                return begin + remaining
            remaining -= last - begin
        return self._add_days(day + _DAY, remaining)

    def next_opening(self, moment: datetime) -> datetime:
        """Return the first open moment at or after ``moment``; closing time is not open. Raises CalendarError."""
        moment = moment.astimezone(UTC)
        day = moment.astimezone(self.zone).date()
        for first, last in self._spans_of(day):
            if moment < last:
                return max(first, moment)
        return self._add_days(day + _DAY, timedelta())

    def _add_days(self, day: date, remaining: timedelta) -> datetime:
        """The moment at which ``remaining`` open time from the beginning of a day is over; days are skipped by their sums."""
        for year in range(day.year, day.year + HORIZON_YEARS + 1):
            known = self._year(year)
            low = max(0, (day - known.first).days)
            goal = known.before[low] + remaining.total_seconds()
            # No time at all is over at the next opening, any other at the first day whose end reaches it.
            find = bisect_left if remaining else bisect_right
            place = find(known.before, goal, lo=low + 1) - 1
            if place < len(known.before) - 1:
                remaining -= timedelta(seconds=known.before[place] - known.before[low])
                return _within(self._spans_of(known.first + place * _DAY), remaining)
            remaining -= timedelta(seconds=known.before[-1] - known.before[low])
        raise CalendarError("the calendar does not hold this much open time")

    def _open_before(self, moment: datetime, day: date) -> float:
        """The open seconds of ``day`` before ``moment``."""
        return sum(
            max(0.0, (min(last, moment) - first).total_seconds()) for first, last in self._spans_of(day)
        )

    def _open_after(self, moment: datetime, day: date) -> float:
        """The open seconds of ``day`` from ``moment`` on."""
        return sum(
            max(0.0, (last - max(first, moment)).total_seconds()) for first, last in self._spans_of(day)
        )

    def _spans_of(self, day: date) -> Spans:
        spans = self._days.get(day)
        if spans is None:
            spans = self._days[day] = tuple(self.spans(day))
        return spans

    def _year(self, year: int) -> _Year:
        known = self._years.get(year)
        if known is None:
            first = date(year, 1, 1)
            count = (date(year + 1, 1, 1) - first).days if year < 9999 else 365
            before = [0.0]
            offset = self._offset(first)
            for number in range(count):
                day = first + number * _DAY
                following = self._offset(day + _DAY)
                before.append(before[-1] + self._open_on(day, is_even=offset == following))
                offset = following
            known = self._years[year] = _Year(first, tuple(before))
        return known

    def _offset(self, day: date) -> timedelta | None:
        """How far the clock is from UTC when a day begins."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).utcoffset()

    def _open_on(self, day: date, *, is_even: bool) -> float:
        """The open seconds of a day; on one in which the clock is not set they are those of its windows."""
        if not is_even:
            return sum((last - start).total_seconds() for start, last in self._spans_of(day))
        if day.weekday() not in self.windows or self.holiday_name(day) is not None:
            return 0.0
        return sum(_length(start, end) for start, end in self.windows[day.weekday()])


def _length(start: time, end: time) -> float:
    """The seconds of a window on a day of 24 hours; an end of 00:00 is midnight."""
    until = 86_400 if end == time(0) else end.hour * 3600 + end.minute * 60 + end.second
    return float(until - start.hour * 3600 - start.minute * 60 - start.second)


def _within(spans: Spans, remaining: timedelta) -> datetime:
    """The moment ``remaining`` open time into a day that holds it."""
    for first, last in spans:
        if remaining <= last - first:
            return first + remaining
        remaining -= last - first
    return spans[-1][1]


_ALWAYS = OpeningHours(ZoneInfo("UTC"), {day: ((time(0), time(0)),) for day in range(7)})


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
