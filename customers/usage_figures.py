"""Product usage as pages show it: weekly series, change, adoption by feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from customers.models import Account, UsageDaily

WEEKS = 12


@dataclass(frozen=True)
class WeeklySeries:
    """One measure of complete weeks, oldest first. ``change`` compares the last four weeks with the four before."""

    name: str
    values: tuple[float, ...]

    @property
    def now(self) -> float:
        """The last week's value."""
        return self.values[-1]

    @property
    def change(self) -> float | None:
        """Relative change of the last four weeks against the four before; None when there was nothing before."""
        before = sum(self.values[-8:-4])
        return None if not before else sum(self.values[-4:]) / before - 1


@dataclass(frozen=True)
class UsageFigures:
    """What an account did with the product in WEEKS weeks before ``until``.

    ``users`` is the mean of daily users per week, ``events`` and ``active_days`` are per week. ``features`` are events
    per week, busiest first; ``peaks`` the most users of a feature on one day of each week, in the same order.
    """

    until: date
    users: WeeklySeries
    events: WeeklySeries
    active_days: WeeklySeries
    features: tuple[WeeklySeries, ...]
    peaks: tuple[tuple[str, tuple[int, ...]], ...]

    def week_starts(self) -> list[date]:
        """The first days of the weeks, oldest first."""
        return [self.until - timedelta(weeks=WEEKS - week) for week in range(WEEKS)]


def usage_figures(
    account: Account, *, until: date, names: Sequence[str] = ("", "", "")
) -> UsageFigures | None:
    """Return the usage of the weeks that end before ``until``, in one query; None when nothing is known.

    ``names`` are the words for users, events and active days.
    """
    start = until - timedelta(weeks=WEEKS)
    rows = UsageDaily.objects.filter(account=account, day__gte=start, day__lt=until).values_list(
        "feature", "day", "events", "users"
    )
    users, events, days = [0.0] * WEEKS, [0.0] * WEEKS, [0.0] * WEEKS
    counts: dict[str, list[float]] = {}
    peaks: dict[str, list[int]] = {}
    seen = False
    for feature, day, event_count, user_count in rows:
        seen = True
        week = (day - start).days // 7
        if not feature:
            users[week] += user_count / 7
            events[week] += event_count
            days[week] += 1 if user_count else 0
            continue
        counts.setdefault(feature, [0.0] * WEEKS)[week] += event_count
        peak = peaks.setdefault(feature, [0] * WEEKS)
        peak[week] = max(peak[week], user_count)
    if not seen:
        return None
    busiest = sorted(counts, key=lambda feature: (-sum(counts[feature]), feature))
    return UsageFigures(
        until=until,
        users=WeeklySeries(names[0], tuple(users)),
        events=WeeklySeries(names[1], tuple(events)),
        active_days=WeeklySeries(names[2], tuple(days)),
        features=tuple(WeeklySeries(feature, tuple(counts[feature])) for feature in busiest),
        peaks=tuple((feature, tuple(peaks[feature])) for feature in busiest),
    )
