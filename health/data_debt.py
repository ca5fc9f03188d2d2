"""Data debt: which missing source would move most ARR out of Unknown.

For every signal: the accounts whose band is Unknown and that have no value for it, and of those the ones that would have a
band if only this signal were known and fresh (coverage of half, three measures, two groups).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from customers.models import Account
from health.models import HealthSnapshot
from health.registry import signals
from health.scorecard import FEWEST_GROUPS, FEWEST_MEASURES, LEAST_COVERAGE, measures_from
from health.selectors import label_of
from people.viewer import Viewer

RECENT = timedelta(days=7)
EXAMPLES = 5
BATCH = 2000


@dataclass
class Debt:
    """One missing source; amounts are in the accounts' own currencies, added up as they are."""

    signal: str
    label: str
    reason: str
    missing: int = 0
    stale: int = 0
    missing_arr: Decimal = Decimal(0)
    freed: int = 0
    freed_arr: Decimal = Decimal(0)
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class DebtReport:
    """All sources, the ones that free most ARR first, and how much is Unknown at all."""

    lines: list[Debt]
    unknown: int
    unknown_arr: Decimal
    total_arr: Decimal


def data_debt(viewer: Viewer) -> DebtReport:
    """Return the report over the accounts a viewer may see; two queries per 2,000 unknown accounts."""
    if not viewer.can("health.view"):
        return DebtReport([], 0, Decimal(0), Decimal(0))
    living = Account.objects.visible_to(viewer).filter(churned_on=None)
    unknown = living.filter(health_band=Account.Band.UNKNOWN).order_by("-arr", "pk")
    accounts = list(unknown.values_list("pk", "name", "arr"))
    found: dict[str, Debt] = {}
    since = timezone.now().date() - RECENT
    for start in range(0, len(accounts), BATCH):
        part = {pk: (name, arr) for pk, name, arr in accounts[start : start + BATCH]}
        rows = HealthSnapshot.objects.filter(account_id__in=list(part), as_of__gt=since).order_by("as_of")
        newest = dict(rows.values_list("account_id", "parts"))
        for pk, (name, arr) in part.items():
            _add(found, newest.get(pk, []), (pk, name, arr))
    lines = sorted(found.values(), key=lambda debt: (-debt.freed_arr, -debt.missing_arr, debt.signal))
    total = sum(living.values_list("arr", flat=True), Decimal(0))
    return DebtReport(lines, len(accounts), sum((arr for _pk, _name, arr in accounts), Decimal(0)), total)


def _add(
    found: dict[str, Debt], parts: Sequence[Mapping[str, Any]], account: tuple[int, str, Decimal]
) -> None:
    pk, name, arr = account
    freeing = frees(parts)
    for part in parts:
        if part["n"] is not None and not part.get("imputed"):
            continue
        key = part["key"]
        debt = found.setdefault(key, Debt(key, label_of(key), _reason(key)))
        debt.missing, debt.missing_arr = debt.missing + 1, debt.missing_arr + arr
        debt.stale += bool(part.get("stale"))
        if key in freeing:
            debt.freed, debt.freed_arr = debt.freed + 1, debt.freed_arr + arr
            if len(debt.examples) < EXAMPLES:
                debt.examples.append((pk, name))


def frees(parts: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the signals of which one alone, known and fresh, would give the account a band."""
    measures = measures_from(parts)
    known = [one for one in measures if one.n is not None and not one.imputed]
    total = sum(one.weight for one in measures)
    covered = sum(one.pull for one in known)
    groups = {one.group for one in known}
    return {
        one.key
        for one in measures
        if one not in known
        and total
        and (covered + one.weight) / total >= LEAST_COVERAGE
        and len(known) + 1 >= FEWEST_MEASURES
        and len(groups | {one.group}) >= FEWEST_GROUPS
    }


def _reason(key: str) -> str:
    return signals.get(key).missing_reason() if key in signals else ""
