"""Reads of the portfolio page: its views, figures, the Today queue and the table by keyset."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.formatting import BAND_FLOORS
from customers.models import Account
from customers.selectors import accounts_matching
from people.viewer import Viewer

PAGE_SIZE = 50
RENEWAL_DAYS = 90
TROUBLED = (Account.Band.AT_RISK, Account.Band.WATCH)

#: Sort keys of the table (``-key`` descends) and the column each goes by; accounts without a value come last.
SORTS = {
    "name": "name",
    "health": "health_score",
    "change": "health_delta_30",
    "churn": "churn_probability",
    "coverage": "health_coverage",
    "arr": "arr",
    "renewal": "renewal_on",
    "touch": "last_touch_at",
    "tickets": "open_tickets",
}
DEFAULT_SORT = "-churn"

VIEWS: dict[str, str | Promise] = {
    "mine": _("Mine"),
    "all": _("All"),
    "risk": _("At risk"),
    "renewals": _("Renewals"),
    "onboarding": _("Onboarding"),
}
FILTERS = ("owner", "band", "tier", "lifecycle", "search")


def _condition(view: str, viewer: Viewer, today: date) -> Q:
    due = Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=RENEWAL_DAYS))
    return {
        "mine": Q(csm_id=viewer.user_id or 0),
        "all": Q(),
        "risk": Q(health_band__in=TROUBLED),
        "renewals": due,
        "onboarding": Q(lifecycle=Account.Lifecycle.ONBOARDING),
    }[view]


def portfolio_accounts(viewer: Viewer, view: str, wanted: Mapping[str, str]) -> QuerySet[Account]:
    """Return the accounts of a view that match the filters, unordered; filters with unknown values are left out."""
    filters = {name: value for name, value in wanted.items() if name in FILTERS and value}
    while True:
        try:
            accounts = accounts_matching(viewer, filters)
            break
        except ValidationError as error:
            for name in error.message_dict:
                filters.pop(name)
    return accounts.filter(_condition(view, viewer, timezone.localdate()))


def view_counts(viewer: Viewer) -> dict[str, int]:
    """Return the number of accounts in each view, in one query."""
    today = timezone.localdate()
    counts: dict[str, int] = accounts_matching(viewer, {}).aggregate(
        **{view: Count("pk", filter=_condition(view, viewer, today)) for view in VIEWS}
    )
    return counts


@dataclass(frozen=True)
class BandSum:
    """How many accounts are in a band and their ARR."""

    band: str
    accounts: int
    arr: Decimal


@dataclass(frozen=True)
class PortfolioFigures:
    """Sums over a set of accounts; money in the currency most accounts have, others left out of the sums.

    ``value_at_risk`` is the churn-weighted ARR (probability x ARR), None while no account has a probability.
    """

    accounts: int
    currency: str
    other_currencies: int
    arr: Decimal
    bands: tuple[BandSum, ...]
    value_at_risk: Decimal | None
    estimated: int
    renewing: int
    renewing_arr: Decimal
    renewing_troubled: int

    @property
    def troubled(self) -> BandSum:
        """At risk and watch together."""
        rows = [row for row in self.bands if row.band in TROUBLED]
        return BandSum("", sum(row.accounts for row in rows), sum((row.arr for row in rows), Decimal(0)))


def portfolio_figures(accounts: QuerySet[Account]) -> PortfolioFigures:
    """Add a set of accounts up, in two queries."""
    groups: dict[tuple[str, str], tuple[int, Decimal]] = {
        (currency, band): (count, arr)
        for currency, band, count, arr in accounts.order_by()
        .values_list("currency", "health_band")
        .annotate(count=Count("pk"), total=Sum("arr"))
    }
    sizes: dict[str, int] = {}
    for (currency, _band), (count, _arr) in groups.items():
        sizes[currency] = sizes.get(currency, 0) + count
    main = min(sizes, key=lambda name: (-sizes[name], name), default="EUR")
    today = timezone.localdate()
    due = Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=RENEWAL_DAYS))
    same = Q(currency=main)
    sums = accounts.order_by().aggregate(
        at_risk=Sum("value_at_risk", filter=same),
        estimated=Count("pk", filter=~Q(value_at_risk=None)),
        renewing=Count("pk", filter=due),
        renewing_total=Sum("arr", filter=due & same),
        renewing_troubled=Count("pk", filter=due & Q(health_band__in=TROUBLED)),
    )
    order = [*(band for band, _floor in BAND_FLOORS), Account.Band.UNKNOWN]
    bands = []
    for band in order:
        count = sum(n for (_currency, name), (n, _arr) in groups.items() if name == band)
        bands.append(BandSum(str(band), count, groups.get((main, band), (0, Decimal(0)))[1]))
    return PortfolioFigures(
        accounts=sum(sizes.values()),
        currency=main,
        other_currencies=sum(sizes.values()) - sizes.get(main, 0),
        arr=sum((row.arr for row in bands), Decimal(0)),
        bands=tuple(bands),
        value_at_risk=sums["at_risk"],
        estimated=sums["estimated"],
        renewing=sums["renewing"],
        renewing_arr=sums["renewing_total"] or Decimal(0),
        renewing_troubled=sums["renewing_troubled"],
    )


def today_queue(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Return the accounts that need somebody now, the most churn-weighted ARR first.

    Those are in trouble (at risk, watch), fell by five points or more in 30 days, or renew within 30 days.
    """
    today = timezone.localdate()
    soon = Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=30))
    return accounts.filter(
        Q(health_band__in=TROUBLED) | Q(health_delta_30__lte=-5) | soon, value_at_risk__gt=0
    ).order_by("-value_at_risk", "pk")


@dataclass(frozen=True)
class PortfolioPage:
    """Rows of the table and the cursor of the next page, empty on the last one."""

    accounts: tuple[Account, ...]
    next_cursor: str


def portfolio_page(
    accounts: QuerySet[Account], *, sort: str = DEFAULT_SORT, after: str = "", size: int = PAGE_SIZE
) -> PortfolioPage:
    """Return a page of accounts in one query, its cost independent of the depth; an unreadable cursor starts anew."""
    sort = sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT
    column = SORTS[sort.removeprefix("-")]
    field = F(column)
    order = field.desc(nulls_last=True) if sort.startswith("-") else field.asc(nulls_last=True)
    rows = accounts.select_related("csm").order_by(order, "pk")
    cursor = _read_cursor(column, after)
    if cursor is not None:
        value, last_id = cursor
        behind = Q(**{column: None}, pk__gt=last_id)
        if value is not None:
            further = "lt" if sort.startswith("-") else "gt"
            behind = (
                Q(**{f"{column}__{further}": value})
                | Q(**{column: value}, pk__gt=last_id)
                | Q(**{column: None})
            )
        rows = rows.filter(behind)
    found = list(rows[: size + 1])
    shown = tuple(found[:size])
    return PortfolioPage(shown, _cursor(column, shown[-1]) if len(found) > size else "")


def _cursor(column: str, account: Account) -> str:
    value = getattr(account, column)
    text = json.dumps([value, account.pk], cls=_Exact)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class _Exact(DjangoJSONEncoder):
    """Times with all their microseconds, so that a cursor is exactly the row's value."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def _read_cursor(column: str, text: str) -> tuple[Any, int] | None:
    try:
        value, last_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        field = Account._meta.get_field(column)
        return (None if value is None else field.to_python(value)), int(last_id)  # type: ignore[union-attr]
    except (ValueError, TypeError, binascii.Error, ValidationError):
        return None
