"""Reads of the portfolio page: its views, figures and the table by keyset."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
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
#: The order without a wish: the likeliest to leave first; while no model estimates that, the worst score first.
DEFAULT_SORT = "-churn"
DEFAULT_SORT_UNESTIMATED = "health"

VIEWS: dict[str, str | Promise] = {
    "mine": _("Mine"),
    "all": _("All"),
    "risk": _("At risk"),
    "renewals": _("Renewals"),
    "onboarding": _("Onboarding"),
}
FILTERS = ("owner", "band", "tier", "lifecycle", "segment", "search")


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
class Sums:
    """A number of accounts and their money by currency, the currency of most accounts first; without zeros behind it."""

    accounts: int
    amounts: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class PortfolioFigures:
    """Sums over a set of accounts. There are no exchange rates here: money stays in its currencies.

    ``bands`` are (band, ARR in the currency of most accounts), best band first. ``at_risk`` is the churn-weighted ARR
    (probability x ARR) of the accounts with an estimate. ``renewing_troubled`` counts.
    """

    total: Sums
    bands: tuple[tuple[str, Decimal], ...]
    troubled: Sums
    at_risk: Sums
    renewing: Sums
    renewing_troubled: int


def portfolio_figures(accounts: QuerySet[Account]) -> PortfolioFigures:
    """Add a set of accounts up, in one query."""
    today = timezone.localdate()
    due = Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=RENEWAL_DAYS))
    rows = list(
        accounts.order_by()
        .values("currency", "health_band")
        .annotate(
            n=Count("pk"),
            total=Sum("arr"),
            estimated=Count("value_at_risk"),
            weighted=Sum("value_at_risk"),
            due=Count("pk", filter=due),
            due_total=Sum("arr", filter=due),
        )
    )
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row["currency"]] = sizes.get(row["currency"], 0) + row["n"]
    currencies = sorted(sizes, key=lambda name: (-sizes[name], name)) or ["EUR"]

    def sums(count: str, money: str, chosen: Collection[Mapping[str, Any]]) -> Sums:
        amounts = [
            (name, sum((row[money] or Decimal(0) for row in chosen if row["currency"] == name), Decimal(0)))
            for name in currencies
        ]
        number = sum(row[count] for row in chosen)
        return Sums(number, tuple(amounts[:1] + [pair for pair in amounts[1:] if pair[1]]))

    troubled = [row for row in rows if row["health_band"] in TROUBLED]
    order = [*(str(band) for band, _floor in BAND_FLOORS), str(Account.Band.UNKNOWN)]
    main = [row for row in rows if row["currency"] == currencies[0]]
    return PortfolioFigures(
        total=sums("n", "total", rows),
        bands=tuple(
            (band, sum((row["total"] for row in main if row["health_band"] == band), Decimal(0)))
            for band in order
        ),
        troubled=sums("n", "total", troubled),
        at_risk=sums("estimated", "weighted", rows),
        renewing=sums("due", "due_total", rows),
        renewing_troubled=sum(row["due"] for row in troubled),
    )


def default_sort(viewer: Viewer) -> str:
    """Return the order of the table without a wish."""
    estimated = Account.objects.visible_to(viewer).exclude(churn_probability=None).exists()
    return DEFAULT_SORT if estimated else DEFAULT_SORT_UNESTIMATED


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
