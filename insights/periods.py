"""Periods of whole local days, and what they are compared with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

PRESETS = (7, 30, 90)
DEFAULT_DAYS = 30
LONGEST_DAYS = 400


@dataclass(frozen=True)
class Period:
    """The local days from ``first`` to ``last``, both included, in ``zone``, looked at at ``now``."""

    first: date
    last: date
    zone: tzinfo
    now: datetime

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """The first moment."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The moment after the last one."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def until(self) -> datetime:
        """Up to when there can be anything: the end, or now."""
        return max(self.start, min(self.end, self.now))

    @property
    def previous(self) -> tuple[datetime, datetime]:
        """As long a stretch before, [start, end): of a day that is not over yet only as much as is over."""
        before = midnight(self.first - timedelta(days=self.days), self.zone)
        whole = self.until >= self.end
        return before, self.start if whole else before + (self.until - self.start)

    def each_day(self) -> list[date]:
        """Return the days in order."""
        return [self.first + timedelta(days=place) for place in range(self.days)]


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first moment of a local day, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def read_period(*, days: str, first: str, last: str, zone: tzinfo, now: datetime) -> Period:
    """Read a period: ``days`` back from today, or from ``first`` to ``last`` (ISO dates); default 30 days.

    Raises ValidationError naming ``period``, ``from`` or ``to``.
    """
    today = now.astimezone(zone).date()
    if not first and not last:
        number = (
            int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0 if days else DEFAULT_DAYS
        )
        if not 1 <= number <= LONGEST_DAYS:
            raise ValidationError({"period": _("Give 1 to %d days.") % LONGEST_DAYS})
        return Period(today - timedelta(days=number - 1), today, zone, now)
    start, end = _day(first, "from"), _day(last, "to") if last else today
    if end < start:
        raise ValidationError({"to": _("The end lies before the start.")})
    if (end - start).days >= LONGEST_DAYS:
        raise ValidationError({"to": _("A period has at most %d days.") % LONGEST_DAYS})
    return Period(start, end, zone, now)


def _day(text: str, name: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValidationError({name: _("Give a date like 2026-03-31.")}) from None
    if not 1990 <= day.year <= 2200:
        raise ValidationError({name: _("Give a date like 2026-03-31.")})
    return day
