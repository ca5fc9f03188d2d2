"""What closed months would say now: was, is, and the rows of the ledger that explain it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from customers.models import Account, MonthClose, Restatement, RevenueMovement
from customers.money import Rates
from customers.revenue_figures import read_ledger, year_before

SHOWN_MONTHS = 36
SHOWN_ROWS = 50


@dataclass(frozen=True)
class RestatedMonth:
    """A closed month: its frozen figures, the same computed now at its rates, and what was recorded since, newest first.

    ``now`` equals ``was`` when nothing was. ``more`` says that there are rows beyond those listed.
    """

    close: MonthClose
    was: Mapping[str, Any]
    now: Mapping[str, Any]
    rows: Sequence[RevenueMovement]
    more: int

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """The figures that are different, by name: (was, is)."""
        return {
            name: (old, self.now.get(name)) for name, old in self.was.items() if self.now.get(name) != old
        }


def restated_months() -> list[RestatedMonth]:
    """Return the closed months, newest first, in a fixed number of queries; a month without later rows is not computed again."""
    closes = list(MonthClose.objects.select_related("closed_by")[:SHOWN_MONTHS])
    later: dict[int, list[RevenueMovement]] = {}
    links = _links(closes)
    movements = {
        row.pk: row
        for row in RevenueMovement.objects.filter(pk__in={pk for _close, pk in links}).select_related(
            "account"
        )
    }
    for close_id, movement_id in links:
        later.setdefault(close_id, []).append(movements[movement_id])
    touched = [close for close in closes if close.pk in later]
    now = timezone.now()
    ledger = None
    if touched:
        first = min(year_before(close.end) for close in touched)
        ledger = read_ledger(
            Account.objects.all(), first=first, last=max(close.end for close in touched), known_at=now
        )
    found = []
    for close in closes:
        is_now, mine = close.figures, later.get(close.pk, [])
        if mine and ledger is not None:
            rates = Rates(close.base_currency, {name: Decimal(rate) for name, rate in close.rates.items()})
            is_now = ledger.book(rates, now.date()).figures(year_before(close.end), close.end).told()
        found.append(
            RestatedMonth(close, close.figures, is_now, mine[:SHOWN_ROWS], max(0, len(mine) - SHOWN_ROWS))
        )
    return found


def _links(closes: Sequence[MonthClose]) -> list[tuple[int, int]]:
    rows = Restatement.objects.filter(close__in=closes).order_by("-movement_id")
    return list(rows.values_list("close_id", "movement_id"))
