"""Labelled observations: an account at a moment, and in which of the three months after a gap of a week it left.

Moments lie on a grid of 28 days, from 28 days after the start of the relation, and end when notice was given. Only moments
whose whole window has passed count, also for accounts that left early in it: else the newest moments would hold leavers
alone. Who left in the week between is no observation: nobody could have been helped, and the model speaks of who is still there
after it. Windows of one account overlap: folds must keep an account together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from customers.models import Account, RevenueMovement, UsageDaily
from health.churn.features import Columns, Row, columns_as_of
from health.facts import Facts, moment_of
from ml.tabular.hazard import Periods

PERIODS = Periods(count=3, days=30, gap=7)
GAP = timedelta(days=PERIODS.gap)
HORIZON = timedelta(days=PERIODS.count * PERIODS.days)
STEP = timedelta(days=28)
FIRST_AFTER = timedelta(days=28)
BATCH = 500

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Observation:
    """One row of the training table; ``period`` is the month of the window in which the account left, 0 for none."""

    account_id: int
    as_of: datetime
    features: Row
    period: int

    @property
    def churned(self) -> bool:
        """Whether it left in the window."""
        return self.period > 0


@dataclass(frozen=True)
class Observed:
    """The same as columns: one entry per observation."""

    account_ids: Ints
    days: Ints
    period: Ints
    columns: Columns

    def __len__(self) -> int:
        return len(self.account_ids)

    @property
    def churned(self) -> Ints:
        """1 for those who left in the window."""
        return (self.period > 0).astype(np.int64)

    def take(self, chosen: npt.NDArray[Any]) -> "Observed":
        """A part of the rows."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Observed(self.account_ids[chosen], self.days[chosen], self.period[chosen], columns)


def collect_observations(*, until: date, account_ids: Sequence[int] | None = None) -> list[Observation]:
    """Return all observations with outcomes known on ``until``, by moment and account; two dozen queries per 500 accounts."""
    found = [
        Observation(pk, moment_of(date.fromordinal(day)), row, period)
        for part in observe(until=until, account_ids=account_ids)
        for pk, day, period, row in zip(
            part.account_ids.tolist(),
            part.days.tolist(),
            part.period.tolist(),
            _rows(part.columns),
            strict=True,
        )
    ]
    return sorted(found, key=lambda observation: (observation.as_of, observation.account_id))


def observe(
    *, until: date, account_ids: Sequence[int] | None = None, batch: int = BATCH
) -> Iterator[Observed]:
    """Yield the observations in parts: of one batch of accounts at one moment each."""
    ids = (
        list(Account.objects.order_by("pk").values_list("pk", flat=True))
        if account_ids is None
        else list(account_ids)
    )
    first = UsageDaily.objects.order_by("day").values_list("day", flat=True).first()
    grid = [] if first is None else [moment_of(day) for day in grid_days(first + FIRST_AFTER, until)]
    if not grid:
        return
    for start in range(0, len(ids), batch):
        facts = Facts(ids[start : start + batch], first=grid[0], last=grid[-1])
        leaving = _leaving_days(facts)
        for as_of in grid:
            yield _at(facts, as_of, leaving)


def join(parts: Sequence[Observed]) -> Observed:
    """One table of several."""
    names = parts[0].columns
    return Observed(
        np.concatenate([one.account_ids for one in parts]),
        np.concatenate([one.days for one in parts]),
        np.concatenate([one.period for one in parts]),
        {name: np.concatenate([one.columns[name] for one in parts]) for name in names},
    )


def grid_days(first: date, until: date) -> list[date]:
    """Return the days of the grid, the newest with its window just closed on ``until``, none before ``first``, in order."""
    days = []
    day = until - GAP - HORIZON
    while day >= first:
        days.append(day)
        day -= STEP
    return days[::-1]


def period_of(left: int | None, day: int) -> int:
    """Return the month of the window after ``day`` in which somebody left on the day ``left`` (ordinals); 0 for none."""
    if left is None or not PERIODS.gap < left - day <= PERIODS.ends(PERIODS.count):
        return 0
    return -(-(left - day - PERIODS.gap) // PERIODS.days)


def _at(facts: Facts, as_of: datetime, leaving: dict[int, date]) -> Observed:
    columns, day = columns_as_of(facts, as_of), as_of.date()
    kept, periods = [], []
    for place, account in enumerate(facts.accounts):
        left = leaving.get(account.pk)
        begun = account.customer_since is None or account.customer_since + FIRST_AFTER <= day
        gone = left is not None and left <= day + GAP
        if begun and not gone and not np.isnan(columns["users"][place]):
            kept.append(place)
            periods.append(period_of(left.toordinal() if left else None, day.toordinal()))
    chosen = np.array(kept, dtype=np.int64)
    return Observed(
        np.array(facts.account_ids, dtype=np.int64)[chosen],
        np.full(len(chosen), day.toordinal(), dtype=np.int64),
        np.array(periods, dtype=np.int64),
        {name: column[chosen] for name, column in columns.items()},
    )


def _rows(columns: Columns) -> Iterator[Row]:
    names = list(columns)
    told = [
        [None if value != value else value for value in np.round(column, 6).tolist()]
        if column.dtype.kind == "f"
        else column.tolist()
        for column in columns.values()
    ]
    for values in zip(*told, strict=True):
        yield dict(zip(names, values, strict=True))


def _leaving_days(facts: Facts) -> dict[int, date]:
    """Return the first day on which an account said that it leaves, else left."""
    found: dict[int, date] = {}
    for movement in facts.revenue:
        if movement.kind == RevenueMovement.Kind.CHURN and movement.holds_at():
            said = movement.notice_on or movement.effective_on
            found[movement.account_id] = min(said, found.get(movement.account_id, said))
    for account in facts.accounts:
        if account.churned_on is not None:
            found.setdefault(account.pk, account.churned_on)
    return found
