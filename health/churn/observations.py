"""Labelled observations: an account at a moment, and whether it left in the 90 days after a gap of a week.

Moments lie on a grid of 28 days, from 28 days after the start of the relation, and end when notice was given. Only moments
whose whole window has passed count, also for accounts that left early in it: else the newest moments would hold leavers
alone. Windows of one account overlap: folds must keep an account together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from customers.models import Account, RevenueMovement, UsageDaily
from health.churn.features import Row, features_as_of
from health.facts import Facts, moment_of

GAP = timedelta(days=7)
HORIZON = timedelta(days=90)
STEP = timedelta(days=28)
FIRST_AFTER = timedelta(days=28)
BATCH = 500


@dataclass(frozen=True)
class Observation:
    """One row of the training table."""

    account_id: int
    as_of: datetime
    features: Row
    churned: bool


def collect_observations(*, until: date, account_ids: Sequence[int] | None = None) -> list[Observation]:
    """Return all observations with outcomes known on ``until``, by moment and account; a dozen queries per 500 accounts."""
    ids = (
        list(Account.objects.order_by("pk").values_list("pk", flat=True))
        if account_ids is None
        else list(account_ids)
    )
    first = UsageDaily.objects.order_by("day").values_list("day", flat=True).first()
    if first is None:
        return []
    grid = [moment_of(day) for day in grid_days(first + FIRST_AFTER, until)]
    found: list[Observation] = []
    for start in range(0, len(ids), BATCH):
        if grid:
            found += _of_batch(Facts(ids[start : start + BATCH], first=grid[0], last=grid[-1]), grid)
    return sorted(found, key=lambda observation: (observation.as_of, observation.account_id))


def grid_days(first: date, until: date) -> list[date]:
    """Return the days of the grid, the newest with its window just closed on ``until``, none before ``first``, in order."""
    days = []
    day = until - GAP - HORIZON
    while day >= first:
        days.append(day)
        day -= STEP
    return days[::-1]


def _of_batch(facts: Facts, grid: Sequence[datetime]) -> Iterator[Observation]:
    leaving = _leaving_days(facts)
    for as_of in grid:
        day = as_of.date()
        features = features_as_of(facts, as_of)
        for account in facts.accounts:
            left = leaving.get(account.pk)
            begun = account.customer_since is None or account.customer_since + FIRST_AFTER <= day
            if not begun or (left is not None and left <= day) or features[account.pk]["users"] is None:
                continue
            churned = left is not None and day + GAP < left <= day + GAP + HORIZON
            yield Observation(account.pk, as_of, features[account.pk], churned)


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
