"""Cohorts of accounts by the month they began, and the share of them that is active in each month after.

A cohort is the accounts whose contract began in a month (``Account.customer_since``); of a feature, those whose first known use
was in that month. An account is active in a month with at least one day of use. Accounts that churn stay in their cohort. The
present month is not over and is left out.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncMonth

from customers.models import Account, UsageMonth
from people.viewer import Viewer

MONTHS = 12

_FIRST_USE = """
WITH firsts AS (SELECT account_id, min(month) AS first FROM customers_usagemonth WHERE feature = %s GROUP BY account_id)
SELECT f.first, m.month, count(*) FROM firsts f JOIN customers_usagemonth m ON m.account_id = f.account_id AND m.feature = %s
WHERE f.first >= %s AND m.month < %s GROUP BY f.first, m.month
"""


@dataclass(frozen=True)
class Cohort:
    """Accounts that began in ``month``; ``active`` are how many of them were active 0, 1, … months later."""

    month: date
    size: int
    active: tuple[int, ...]

    @property
    def shares(self) -> list[float | None]:
        """The active shares, 0..1; None for a cohort without accounts."""
        return [number / self.size if self.size else None for number in self.active]


@dataclass(frozen=True)
class Retention:
    """Cohorts, oldest first; ``curve`` is the share still active after so many months, over all cohorts that are that old."""

    feature: str
    cohorts: tuple[Cohort, ...]

    @property
    def curve(self) -> list[float | None]:
        """Active accounts over accounts, by months since the beginning."""
        longest = max((len(cohort.active) for cohort in self.cohorts), default=0)
        shares: list[float | None] = []
        for age in range(longest):
            old = [cohort for cohort in self.cohorts if len(cohort.active) > age]
            size = sum(cohort.size for cohort in old)
            shares.append(sum(cohort.active[age] for cohort in old) / size if size else None)
        return shares


def retention(viewer: Viewer, *, today: date, feature: str = "") -> Retention:
    """Return the cohorts of the last MONTHS whole months: of accounts by start, or by first use of a feature; two queries."""
    if not viewer.can("customers.view"):
        return Retention(feature, ())
    present = today.replace(day=1)
    months = _months_before(present)
    if feature:
        sizes, active = _by_first_use(feature, months[0], present)
    else:
        sizes, active = _by_start(viewer, months[0], present)
    return Retention(
        feature,
        tuple(
            Cohort(month, sizes.get(month, 0), tuple(active[month].get(later, 0) for later in months[place:]))
            for place, month in enumerate(months)
        ),
    )


def _months_before(present: date) -> list[date]:
    months = [present]
    for _month in range(MONTHS):
        first = months[0]
        months.insert(0, date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1))
    return months[:-1]


def _by_start(
    viewer: Viewer, oldest: date, present: date
) -> tuple[dict[date, int], defaultdict[date, dict[date, int]]]:
    accounts = Account.objects.visible_to(viewer).filter(
        customer_since__gte=oldest, customer_since__lt=present
    )
    sizes = accounts.annotate(began=TruncMonth("customer_since")).order_by().values_list("began")
    rows = (
        UsageMonth.objects.filter(
            feature="",
            month__lt=present,
            account__customer_since__gte=oldest,
            account__customer_since__lt=present,
        )
        .annotate(began=TruncMonth("account__customer_since"))
        .order_by()
        .values_list("began", "month")
        .annotate(number=Count("pk"))
    )
    return dict(sizes.annotate(number=Count("pk"))), _table(list(rows))


def _by_first_use(
    feature: str, oldest: date, present: date
) -> tuple[dict[date, int], defaultdict[date, dict[date, int]]]:
    adapt = connection.ops.adapt_datefield_value
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_USE, [feature, feature, adapt(oldest), adapt(present)])
        rows = [(_day(first), _day(month), int(number)) for first, month, number in cursor.fetchall()]
    table = _table(rows)
    # Everybody is active in the month of the first use.
    return {first: later[first] for first, later in table.items()}, table


def _table(rows: Sequence[tuple[date, date, int]]) -> defaultdict[date, dict[date, int]]:
    found: defaultdict[date, dict[date, int]] = defaultdict(dict)
    for first, month, number in rows:
        found[first][month] = number
    return found


def _day(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
