"""The base currency and the rates of others: how sums over accounts of several currencies are made."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from core.models import Setting
from customers.models.money import ExchangeRate

SETTING = "customers.base_currency"
DEFAULT = "EUR"
CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Return an amount in whole cents, halves to the even one."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def base_currency() -> str:
    """Return the currency that sums over accounts are in (ISO 4217)."""
    stored = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first()
    return stored if isinstance(stored, str) and stored else DEFAULT


@dataclass(frozen=True)
class Rates:
    """Base units per unit of each currency that has a rate, the base itself among them: one set of rates for all days."""

    base: str
    rates: Mapping[str, Decimal]

    def rate(self, currency: str) -> Decimal | None:
        """Return the rate of a currency, None while nobody has said one."""
        return Decimal(1) if currency == self.base else self.rates.get(currency)

    def in_base(self, amount: Decimal, currency: str) -> Decimal | None:
        """Return an amount in the base currency in whole cents, None without a rate."""
        rate = self.rate(currency)
        return None if rate is None else cents(amount * rate)


def rates_on(day: date, known_at: datetime | None = None) -> Rates:
    """Return the rates of a day as known at a moment (now for None); two queries.

    A currency without a rate of the day has the newest one before it, else the oldest one after it.
    """
    base = base_currency()
    return Rates(base, _on(_known(base, known_at), day))


class RateTable:
    """All rates known now, for looking up many days; one query at the first look."""

    def __init__(self) -> None:
        self.base = base_currency()
        self._days: dict[str, tuple[list[date], list[Decimal]]] | None = None

    def on(self, day: date, currency: str) -> Decimal | None:
        """Return the rate of a currency on a day, None without any."""
        if currency == self.base:
            return Decimal(1)
        if self._days is None:
            # Of two for a day the later recorded one comes last and holds.
            latest: dict[str, dict[date, Decimal]] = {}
            for name, on, rate in _known(self.base, None):
                latest.setdefault(name, {})[on] = rate
            self._days = {name: (list(rates), list(rates.values())) for name, rates in latest.items()}
        days, rates = self._days.get(currency, ([], []))
        return rates[max(0, bisect_right(days, day) - 1)] if days else None


def _known(base: str, at: datetime | None) -> list[tuple[str, date, Decimal]]:
    rows = ExchangeRate.objects.filter(base_currency=base).order_by("day", "recorded_at", "pk")
    if at is not None:
        rows = rows.filter(recorded_at__lte=at)
    return list(rows.values_list("currency", "day", "rate"))


def _on(rows: Iterable[tuple[str, date, Decimal]], day: date) -> dict[str, Decimal]:
    """Rows are in the order of days and of recording, so that the last one that fits holds."""
    found: dict[str, Decimal] = {}
    later: dict[str, tuple[date, Decimal]] = {}
    for currency, on, rate in rows:
        if on <= day:
            found[currency] = rate
        elif currency not in later or later[currency][0] == on:
            later[currency] = (on, rate)
    return {currency: rate for currency, (_on, rate) in later.items()} | found
