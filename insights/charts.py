"""The charts of the dashboard as numbers: volume and backlog, promises by week, mood by week, age of the backlog, arrivals.

Volume, backlog and arrivals come from counts per quarter of an hour (UTC), from which days, weekdays and hours of any time
zone are summed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Q, Value, When
from django.utils.formats import date_format

from insights.figures import Figure, Scope, figures_in_spans, rows_behind
from insights.periods import midnight
from insights.registry import Kpi, kpis
from insights.sources import EPISODES, MESSAGES
from tickets.models.episode import SLOT_SECONDS

WEEKS = 12
LONGEST_DAILY = 45
# Upper ends of the ages of the backlog in days; the last group has none.
AGES = (1, 3, 7, 14, 30)
MOODS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Volume:
    """Per day or week: its first day, new tickets, solutions, and what was open at its end."""

    starts: tuple[date, ...]
    labels: tuple[str, ...]
    opened: tuple[int, ...]
    resolved: tuple[int, ...]
    backlog: tuple[int, ...]
    is_weekly: bool


@dataclass(frozen=True)
class AgeGroup:
    """Open tickets of an age of at least ``low`` and less than ``high`` days (None: no end)."""

    low: int
    high: int | None
    count: int


@dataclass(frozen=True)
class Arrivals:
    """New tickets by weekday (Monday first) and hour: the mean per such day in the period. ``hours`` are those shown."""

    hours: tuple[int, ...]
    means: tuple[tuple[float, ...], ...]
    most: float


@dataclass(frozen=True)
class WeekOfMoods:
    """The customers' messages of a week by mood."""

    start: date
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """How many have a mood."""
        return sum(self.counts.values())


def slots_of_opening(scope: Scope) -> list[tuple[int, bool, int]]:
    """Return (slot, whether the ticket was new, number) of what was opened or reopened in the period."""
    rows = _episodes(scope).filter(opened_at__gte=scope.period.start, opened_at__lt=scope.period.end)
    is_new = Case(When(number=1, then=Value(True)), default=Value(False))
    found = rows.order_by().values_list("opened_slot").annotate(is_new=is_new, n=Count("*"))
    return [(slot, bool(new), n) for slot, new, n in found.values_list("opened_slot", "is_new", "n")]


def volume(scope: Scope, opening: Sequence[tuple[int, bool, int]], backlog: int) -> Volume:
    """Return the columns of the volume chart; ``backlog`` is what is open at the end of the period. One query."""
    period = scope.period
    resolved_rows = _episodes(scope).filter(resolved_at__gte=period.start, resolved_at__lt=period.end)
    solved = resolved_rows.order_by().values_list("resolved_slot").annotate(n=Count("*"))
    opened, began, ended = Counter[date](), Counter[date](), Counter[date]()
    for slot, is_new, n in opening:
        day = _local(slot, scope).date()
        began[day] += n
        opened[day] += n if is_new else 0
    for slot, n in solved:
        ended[_local(slot or 0, scope).date()] += n
    standing, open_at = backlog, {}
    for day in reversed(period.each_day()):
        open_at[day] = standing
        standing += ended[day] - began[day]
    return _columns(scope, opened, ended, open_at)


def _columns(scope: Scope, opened: Counter[date], ended: Counter[date], open_at: dict[date, int]) -> Volume:
    days = scope.period.each_day()
    is_weekly = len(days) > LONGEST_DAILY
    size = 7 if is_weekly else 1
    # Weeks end with the period, so that the last one is whole and the first one may be short.
    head = len(days) % size
    chunks = [days[:head]] * bool(head) + [
        days[place : place + size] for place in range(head, len(days), size)
    ]
    today = scope.period.until.astimezone(scope.period.zone).date()
    return Volume(
        starts=tuple(chunk[0] for chunk in chunks),
        labels=tuple(date_format(chunk[0], "j M") for chunk in chunks),
        opened=tuple(sum(opened[day] for day in chunk) for chunk in chunks),
        resolved=tuple(sum(ended[day] for day in chunk) for chunk in chunks),
        backlog=tuple(open_at[min(chunk[-1], max(today, chunk[0]))] for chunk in chunks),
        is_weekly=is_weekly,
    )


def arrivals(scope: Scope, opening: Sequence[tuple[int, bool, int]]) -> Arrivals:
    """Return when new tickets arrive. No query."""
    counts = Counter[tuple[int, int]]()
    for slot, is_new, n in opening:
        if is_new:
            local = _local(slot, scope)
            counts[local.weekday(), local.hour] += n
    today = scope.period.until.astimezone(scope.period.zone).date()
    days = Counter(day.weekday() for day in scope.period.each_day() if day <= today)
    used = [hour for _weekday, hour in counts]
    first, last = min([*used, 8]), max([*used, 17])
    hours = tuple(range(first, last + 1))
    means = tuple(
        tuple(counts[weekday, hour] / days[weekday] if days[weekday] else 0.0 for hour in hours)
        for weekday in range(7)
    )
    return Arrivals(hours, means, max((value for row in means for value in row), default=0.0))


def weeks_until_end(scope: Scope) -> list[date]:
    """Return the first days of the last twelve weeks that end with the period, and the day after the last."""
    end = scope.period.last + timedelta(days=1)
    return [end - timedelta(days=7 * back) for back in range(WEEKS, -1, -1)]


def by_week(kpi_key: str, scope: Scope) -> list[tuple[date, Figure]]:
    """Return a figure for each of the last twelve weeks. One query."""
    kpi: Kpi = kpis.get(kpi_key)
    starts = weeks_until_end(scope)
    bounds = [midnight(day, scope.period.zone) for day in starts]
    return list(zip(starts, figures_in_spans(kpi, scope, bounds), strict=False))


def moods_by_week(scope: Scope) -> list[WeekOfMoods]:
    """Return the moods of the customers' messages in the last twelve weeks. One query."""
    starts = weeks_until_end(scope)
    bounds = [midnight(day, scope.period.zone) for day in starts]
    rows = MESSAGES.rows(scope.viewer).filter(created_at__gte=bounds[0], created_at__lt=bounds[-1])
    for dimension, value in scope.filters.items():
        rows = rows.filter(MESSAGES.clause(dimension, value))
    spans = [When(created_at__lt=bound, then=Value(place)) for place, bound in enumerate(bounds[1:])]
    weeks = [dict.fromkeys(MOODS, 0) for _start in starts[:-1]]
    counted = (
        rows.order_by()
        .annotate(bucket=Case(*spans, default=Value(WEEKS)))
        .values("bucket", "sentiment_label")
    )
    for row in counted.annotate(n=Count("*")):
        if row["bucket"] < WEEKS and row["sentiment_label"] in MOODS:
            weeks[row["bucket"]][row["sentiment_label"]] += row["n"]
    return [WeekOfMoods(start, counts) for start, counts in zip(starts, weeks, strict=False)]


def ages_of_backlog(scope: Scope) -> list[AgeGroup]:
    """Return how old what is open at the end of the period is; the counts sum to the backlog. One query."""
    lows, highs = (0, *AGES), (*AGES, None)
    counts = rows_behind(kpis.get("backlog"), scope).aggregate(
        **{f"n{place}": Count(Value(1), filter=age_clause(scope, low)) for place, low in enumerate(lows)}
    )
    return [
        AgeGroup(low, high, counts[f"n{place}"])
        for place, (low, high) in enumerate(zip(lows, highs, strict=True))
    ]


def age_clause(scope: Scope, low: int) -> Q:
    """Return the clause of the age group that begins at ``low`` days; raises ValueError for none of ours."""
    if low != 0 and low not in AGES:
        raise ValueError(f"no group of ages begins at {low}")
    end = scope.period.until
    clause = Q(opened_at__lte=end - timedelta(days=low)) if low else Q()
    high = next((age for age in AGES if age > low), None)
    return clause if high is None else clause & Q(opened_at__gt=end - timedelta(days=high))


def _episodes(scope: Scope) -> Any:
    rows = EPISODES.rows(scope.viewer)
    for dimension, value in scope.filters.items():
        rows = rows.filter(EPISODES.clause(dimension, value))
    return rows


def _local(slot: int, scope: Scope) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC).astimezone(scope.period.zone)
