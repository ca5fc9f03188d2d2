"""Success metrics: what the page, REST and the files show of the revenue of customers, and the accounts behind a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account, MonthClose
from customers.money import Rates, rates_on
from customers.revenue_figures import (
    Figures,
    RevenueBook,
    last_month_ends,
    month_end,
    read_ledger,
    year_before,
)
from insights.revenue_words import AMOUNTS, PARTS
from people.models import User
from people.viewer import Viewer

MONTHS = 12
DIMENSIONS = {"tier": gettext_lazy("Tier"), "csm": gettext_lazy("CSM"), "product": gettext_lazy("Product")}
GRAINS = {"account": gettext_lazy("per account"), "product": gettext_lazy("per product")}


@dataclass(frozen=True)
class RevenueScope:
    """Which twelve months, of which accounts, at which grain; who looks.

    ``end`` is the last day of a month. The product grain does not net what an account has less of one product against more
    of another.
    """

    viewer: Viewer
    end: date
    tier: str = ""
    csm: str = ""
    grain: str = "account"
    today: date = field(default_factory=lambda: timezone.now().date())

    @property
    def start(self) -> date:
        """The day a year before the end."""
        return year_before(self.end)

    @property
    def month(self) -> str:
        """The month as addresses name it: 2026-10."""
        return self.end.strftime("%Y-%m")

    @property
    def is_whole(self) -> bool:
        """Whether this is what months are closed with: all accounts, each counting once."""
        return not self.tier and not self.csm and self.grain == "account"

    def accounts(self) -> QuerySet[Account]:
        """Return the accounts, churned ones among them."""
        accounts: QuerySet[Account] = Account.objects.visible_to(self.viewer)
        if self.tier:
            accounts = accounts.filter(tier=self.tier)
        if self.csm:
            accounts = accounts.filter(csm_id=None if self.csm == "none" else int(self.csm))
        return accounts

    def query(self, **changes: str) -> str:
        """Return the query string of this scope with changes; what is empty or usual is left out."""
        grain = "" if self.grain == "account" else self.grain
        asked = {"month": self.month, "tier": self.tier, "csm": self.csm, "grain": grain, **changes}
        return urlencode({name: value for name, value in asked.items() if value})


def read_scope(viewer: Viewer, params: Mapping[str, str], *, today: date | None = None) -> RevenueScope:
    """Read ``month`` (2026-10; the last one that is over by default), ``tier``, ``csm`` (id, none) and ``grain``.

    Raises ValidationError naming the parameter.
    """
    viewer.require("customers.view")
    today = today or timezone.now().date()
    asked = {name: params.get(name, "").strip() for name in ("month", "tier", "csm", "grain")}
    if asked["tier"] and asked["tier"] not in Account.Tier.values:
        raise ValidationError({"tier": ", ".join(Account.Tier.values)})
    csm = asked["csm"]
    if csm and csm != "none" and not (csm.isascii() and csm.isdecimal() and len(csm) < 19):
        raise ValidationError({"csm": _("Give the id of a colleague, or none.")})
    if asked["grain"] and asked["grain"] not in GRAINS:
        raise ValidationError({"grain": ", ".join(GRAINS)})
    end = _end_of(asked["month"], today)
    return RevenueScope(viewer, end, asked["tier"], csm, asked["grain"] or "account", today)


def _end_of(month: str, today: date) -> date:
    if not month:
        return last_month_ends(today, 1)[-1]
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise ValidationError({"month": _("Give a month like 2026-03.")}) from None
    if not first.year >= 1990 or first > today:
        raise ValidationError({"month": _("Give a month like 2026-03.")})
    return month_end(first)


@dataclass(frozen=True)
class BehindRow:
    """What one account (one of its products at that grain) adds to an amount."""

    account_id: int
    name: str
    product: str
    start: Decimal
    end: Decimal
    amount: Decimal


class RevenueReport:
    """The figures of a scope, computed once for all that shows them.

    A month that is closed is computed from what was known when it was closed, at its rates: its figures are the frozen ones.
    """

    def __init__(self, scope: RevenueScope) -> None:
        self.scope = scope
        self.close = (
            MonthClose.objects.visible_to(scope.viewer).filter(month=scope.end.replace(day=1)).first()
        )

    @cached_property
    def rates(self) -> Rates:
        """The one set of rates: of the last day, as known now or when the month was closed."""
        return _frozen(self.close) if self.close else rates_on(min(self.scope.end, self.scope.today))

    @cached_property
    def book(self) -> RevenueBook:
        """The ledger of the year."""
        scope, close = self.scope, self.close
        rows = read_ledger(
            scope.accounts(),
            first=scope.start,
            last=scope.end,
            known_at=close.known_at if close else None,
            by_product=scope.grain == "product",
        )
        return rows.book(self.rates, close.known_at.date() if close else scope.today)

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The figures of the year, as ``Figures.told``; of a closed month the frozen ones."""
        if self.close is not None and self.scope.is_whole:
            return dict(self.close.figures)
        return self.book.figures(self.scope.start, self.scope.end).told()

    @cached_property
    def series(self) -> list[dict[str, Any]]:
        """The figures of the twelve ends of months up to the end, oldest first, each of its own twelve months.

        Closed months say what was frozen; others are computed from what is known now, at the rates of the scope.
        """
        scope = self.scope
        ends = last_month_ends(scope.end, MONTHS)
        rows = read_ledger(
            scope.accounts(), first=year_before(ends[0]), last=ends[-1], by_product=scope.grain == "product"
        )
        book = rows.book(self.rates, scope.today)
        closed = {}
        if scope.is_whole:
            found = MonthClose.objects.visible_to(scope.viewer).filter(month__gte=ends[0].replace(day=1))
            closed = {one.end: dict(one.figures) for one in found if one.base_currency == self.rates.base}
        told = [closed.get(end) or book.figures(year_before(end), end).told() for end in ends]
        told[-1] = self.figures
        return told

    def groups(self, dimension: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Return (value, name, figures) per value of a dimension, the most revenue first."""
        found: dict[str, Figures] = self.book.groups(dimension, self.scope.start, self.scope.end)
        names = _names(dimension, list(found))
        rows = [(value, names[value], one.told()) for value, one in found.items()]
        return sorted(rows, key=lambda row: (-Decimal(row[2]["arr_end"]), row[1]))

    def behind(self, figure: str) -> tuple[list[BehindRow], Decimal]:
        """Return the accounts that add to an amount, the largest first, and their sum, which is the amount exactly.

        Raises ValidationError naming ``figure``.
        """
        if figure not in AMOUNTS:
            raise ValidationError({"figure": _("Choose one of: %s.") % ", ".join(AMOUNTS)})
        scope, accounts = self.scope, self.book.ledger.accounts
        held = self.book.holdings(scope.start, scope.end)
        if figure in PARTS:
            parts = {key: PARTS[figure](one) for key, one in held.items()}
        else:
            due = self.book.due(scope.start, scope.end)
            parts = {
                (pk, ""): sum((one.due if figure == "due" else one.renewed for one in mine), Decimal(0))
                for pk, mine in due.items()
            }
        rows = [
            BehindRow(key[0], accounts[key[0]][0], key[1], *_ends(held.get(key)), amount)
            for key, amount in parts.items()
            if amount
        ]
        rows.sort(key=lambda row: (-abs(row.amount), row.name, row.product))
        return rows, sum((row.amount for row in rows), Decimal("0.00"))


def _ends(one: Any) -> tuple[Decimal, Decimal]:
    return (one.start, one.end) if one else (Decimal(0), Decimal(0))


def _frozen(close: MonthClose) -> Rates:
    return Rates(close.base_currency, {name: Decimal(rate) for name, rate in close.rates.items()})


def _names(dimension: str, values: list[str]) -> dict[str, str]:
    if dimension == "tier":
        return {value: str(Account.Tier(value).label) for value in values}
    if dimension == "csm":
        people = User.objects.filter(pk__in=[int(value) for value in values if value])
        return {str(one.pk): one.name for one in people} | {"": _("nobody")}
    return {value: value or _("not said") for value in values}


def months_to_choose(scope: RevenueScope, count: int = 24) -> list[str]:
    """Return the months that a menu offers, newest first, the running one among them."""
    ends = [*last_month_ends(scope.today - timedelta(days=1), count), month_end(scope.today)]
    return list(dict.fromkeys(end.strftime("%Y-%m") for end in reversed(ends)))
