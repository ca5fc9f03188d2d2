"""Figures of recurring revenue out of the ledger: the one computation that pages, REST, files and closed months share."""

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import QuerySet, Sum

from customers.models import Account, RevenueMovement
from customers.money import Rates, cents
from customers.revenue_metrics import (
    LATE,
    LINES,
    ZERO,
    Bridge,
    Due,
    Holding,
    Key,
    Retention,
    Step,
    bridge,
    bridge_late_renewals,
    holding,
    renewals_due,
    retention,
    rounded,
)

Raw = tuple[str, str, date, Decimal]  # kind, currency, day, amount


def month_end(day: date) -> date:
    """Return the last day of the month of a day."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def year_before(day: date) -> date:
    """Return the day a year earlier; the last day of a month stays one."""
    earlier = day.replace(year=day.year - 1, day=min(day.day, 28))
    return month_end(earlier) if day == month_end(day) else earlier.replace(day=day.day)


def last_month_ends(until: date, count: int) -> list[date]:
    """Return the last ``count`` ends of months that are not after a day, oldest first."""
    end = until if until == month_end(until) else until.replace(day=1) - timedelta(days=1)
    ends = [end]
    while len(ends) < count:
        ends.append(ends[-1].replace(day=1) - timedelta(days=1))
    return ends[::-1]


@dataclass(frozen=True)
class LedgerRows:
    """The rows of some accounts as known at a moment: what was there before ``first`` by currency, and every change since.

    ``accounts`` are (name, tier, id of the CSM, day of renewal) by id.
    """

    opening: Mapping[tuple[Key, str], Decimal]
    rows: Mapping[Key, Sequence[Raw]]
    accounts: Mapping[int, tuple[str, str, int | None, date | None]]

    def book(self, rates: Rates, today: date) -> "RevenueBook":
        """Return the rows at one set of rates."""
        return RevenueBook(self, rates, today)


def read_ledger(
    accounts: QuerySet[Account],
    *,
    first: date,
    last: date,
    known_at: datetime | None = None,
    by_product: bool = False,
) -> LedgerRows:
    """Read what figures of periods between two days need, late returns on both sides; three queries however many accounts."""
    first, last = first - LATE - timedelta(days=1), last + LATE
    known = RevenueMovement.objects.known(known_at).filter(account__in=accounts.values("pk")).order_by()
    names = ["account_id", "currency", *(["product"] if by_product else [])]
    opening: dict[tuple[Key, str], Decimal] = {}
    before = known.filter(effective_on__lte=first).values(*names).annotate(total=Sum("amount"))
    for row in before:
        key = (row["account_id"], row.get("product", ""))
        opening[key, row["currency"]] = cents(Decimal(row["total"]))
    sums: dict[tuple[Key, date, str, str], Decimal] = {}
    since = known.filter(effective_on__gt=first, effective_on__lte=last)
    # A row and the one that takes it back are of the same kind and day, so that nothing is left of both.
    for pk, product, kind, currency, on, amount in since.values_list(
        "account_id", "product", "kind", "currency", "effective_on", "amount"
    ):
        place = ((pk, product if by_product else ""), on, kind, currency)
        sums[place] = sums.get(place, ZERO) + amount
    order = {kind: number for number, kind in enumerate(("churn", "contraction"))}
    rows: dict[Key, list[Raw]] = {}
    for (key, on, kind, currency), amount in sorted(
        sums.items(), key=lambda pair: (pair[0][1], order.get(pair[0][2], 2))
    ):
        if amount:
            rows.setdefault(key, []).append((kind, currency, on, amount))
    told = accounts.order_by().values_list("pk", "name", "tier", "csm_id", "renewal_on")
    return LedgerRows(opening, rows, {pk: (name, tier, csm, renews) for pk, name, tier, csm, renews in told})


@dataclass(frozen=True)
class Figures:
    """Figures of one period. ``due`` and ``renewed`` are of the renewals that fell due; ``customers`` are there at its end."""

    start_on: date
    end_on: date
    retention: Retention
    bridge: Bridge
    customers: int
    due: Decimal
    renewed: Decimal
    renewals: int

    @property
    def renewal_rate(self) -> Decimal | None:
        """What was renewed of what fell due."""
        return self.renewed / self.due if self.due else None

    def told(self) -> dict[str, Any]:
        """Return plain values: amounts and shares as text, six decimals; NRR is the sum of the other two as they are told."""
        kept = self.retention
        grr, expansion = rounded(kept.grr), rounded(kept.share(kept.expansion))
        shares = {
            "grr": grr,
            "nrr": None if grr is None or expansion is None else grr + expansion,
            "expansion_rate": expansion,
            "uplift_rate": rounded(kept.share(kept.uplift)),
            "revenue_churn": rounded(kept.share(kept.lost)),
            "contraction_rate": rounded(kept.share(kept.contraction)),
            "logo_churn": rounded(kept.logo_churn),
            "quick_ratio": rounded(self.bridge.quick_ratio),
            "renewal_rate": None if self.renewal_rate is None else round(self.renewal_rate, 6),
        }
        amounts = {
            "cohort_start": kept.start, "kept": kept.capped, "expansion": kept.expansion, "uplift": kept.uplift,
            "churned": kept.lost, "contraction": kept.contraction, "due": self.due, "renewed": self.renewed,
            "arr_start": self.bridge.start, "arr_end": self.bridge.end,
            **{f"bridge_{name}": self.bridge.lines.get(name, ZERO) for name in LINES},
        }  # fmt: skip
        counts = {
            "customers": self.customers,
            "cohort": kept.holdings,
            "cohort_lost": kept.holdings_lost,
            "renewals": self.renewals,
        }
        texts = {name: None if value is None else str(value) for name, value in shares.items()}
        return {
            "start_on": self.start_on.isoformat(),
            "end_on": self.end_on.isoformat(),
            **texts,
            **{name: str(cents(value)) for name, value in amounts.items()},
            **counts,
        }


@dataclass
class RevenueBook:
    """A ledger at one set of rates. Accounts with revenue in a currency without a rate are in ``left_out``."""

    ledger: LedgerRows
    rates: Rates
    today: date
    _held: dict[tuple[date, date], dict[Key, Holding]] = field(default_factory=dict)

    @cached_property
    def _accounts(self) -> dict[Key, tuple[Decimal, list[Step], list[Step]]]:
        """Per key what was there at first, and its steps as recorded and with late renewals bridged."""
        keys = {key for key, _currency in self.ledger.opening} | set(self.ledger.rows)
        found: dict[Key, tuple[Decimal, list[Step], list[Step]]] = {key: (ZERO, [], []) for key in keys}
        for (key, currency), amount in self.ledger.opening.items():
            rate = self.rates.rate(currency)
            if rate is not None:
                found[key] = (found[key][0] + amount * rate, [], [])
        for key, raw in self.ledger.rows.items():
            steps = [
                Step(kind, on, amount * rate)
                for kind, currency, on, amount in raw
                if (rate := self.rates.rate(currency)) is not None
            ]
            found[key] = (found[key][0], steps, bridge_late_renewals(found[key][0], steps))
        return found

    @cached_property
    def left_out(self) -> dict[str, int]:
        """How many accounts have revenue in each currency without a rate; their amounts are in no sum."""
        without: dict[str, set[int]] = {}
        held = [(key, currency) for (key, currency), amount in self.ledger.opening.items() if amount]
        held += [(key, raw[1]) for key, rows in self.ledger.rows.items() for raw in rows]
        for key, currency in held:
            if self.rates.rate(currency) is None:
                without.setdefault(currency, set()).add(key[0])
        return {currency: len(accounts) for currency, accounts in sorted(without.items())}

    def holdings(self, start: date, end: date) -> dict[Key, Holding]:
        """Return every key with something at the start, at the end or in between."""
        if (start, end) not in self._held:
            every = {
                key: holding(opening, bridged, start, end)
                for key, (opening, _steps, bridged) in self._accounts.items()
            }
            self._held[start, end] = {
                key: one for key, one in every.items() if one.start or one.end or any(one.lines.values())
            }
        return self._held[start, end]

    def due(self, start: date, end: date) -> dict[int, list[Due]]:
        """Return the renewals of accounts that fell due; contracts are taken as yearly."""
        found = {}
        for (pk, product), (opening, steps, _bridged) in self._accounts.items():
            renews = self.ledger.accounts[pk][3]
            if product or renews is None:
                continue
            if mine := renewals_due(opening, steps, renews, start, end, self.today):
                found[pk] = mine
        return found

    def figures(self, start: date, end: date, chosen: Callable[[Key], bool] | None = None) -> Figures:
        """Return the figures of a period, of all keys or of those that ``chosen`` wants."""
        held = {key: one for key, one in self.holdings(start, end).items() if chosen is None or chosen(key)}
        due = [
            one
            for pk, mine in self.due(start, end).items()
            if chosen is None or chosen((pk, ""))
            for one in mine
        ]
        return Figures(
            start_on=start,
            end_on=end,
            retention=retention(held.values()),
            bridge=bridge(held.values()),
            customers=len({key[0] for key, one in held.items() if one.end > 0}),
            due=sum((one.due for one in due), ZERO),
            renewed=sum((one.renewed for one in due), ZERO),
            renewals=len(due),
        )

    def groups(self, dimension: str, start: date, end: date) -> dict[str, Figures]:
        """Return figures by tier, CSM (id, empty for nobody) or product, as accounts are today."""
        value: Callable[[Key], str] = {
            "tier": lambda key: self.ledger.accounts[key[0]][1],
            "csm": lambda key: str(self.ledger.accounts[key[0]][2] or ""),
            "product": lambda key: key[1],
        }[dimension]
        names = sorted({value(key) for key in self.holdings(start, end)})
        return {name: self.figures(start, end, lambda key, name=name: value(key) == name) for name in names}  # type: ignore[misc]


def trailing(book: RevenueBook, ends: Iterable[date]) -> list[Figures]:
    """Return the figures of the twelve months up to each day."""
    return [book.figures(year_before(end), end) for end in ends]
