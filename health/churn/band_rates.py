"""What became of accounts in each band: the answer about churn while no model may give one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.core.cache import cache
from django.utils import timezone

from customers.models import Account, RevenueMovement
from health.churn.observations import GAP, HORIZON, STEP
from health.models import HealthSnapshot
from ml.monitoring.estimates import wilson

CACHE_KEY = "health:band_rates"
CACHED_SECONDS = 3600
ACCOUNTS = 2_000
MOMENTS = 9
FEWEST_ROWS = 200
FEWEST_CHURNED = 10
# A band with few accounts says little; so many average ones are thought of.
PRIOR_ROWS = 20
EIGHTY_PERCENT = 1.2815515655446004


@dataclass(frozen=True)
class BandRate:
    """Of ``rows`` accounts seen in a band ``churned`` left in the 90 days after a week; ``share`` is shrunk to everyone's.

    ``low`` to ``high`` is Wilson's interval at 80 %.
    """

    share: float
    low: float
    high: float
    rows: int
    churned: int


def band_rates(today: date | None = None) -> Mapping[str, BandRate]:
    """Return the rate of each band from at most 2,000 accounts at nine moments; empty while too little has happened.

    Kept for an hour: five queries otherwise.
    """
    day = today or timezone.now().date()
    key = f"{CACHE_KEY}:{day}"
    found: dict[str, BandRate] | None = cache.get(key)
    if found is None:
        found = _measure(day)
        cache.set(key, found, CACHED_SECONDS)
    return found


def _measure(day: date) -> dict[str, BandRate]:
    newest = day - GAP - HORIZON
    oldest = newest - MOMENTS * STEP
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    ids = ids[:: max(1, -(-len(ids) // ACCOUNTS))]
    rows = (
        HealthSnapshot.objects.filter(account_id__in=ids, as_of__gt=oldest, as_of__lte=newest)
        .order_by("as_of")
        .values_list("account_id", "as_of", "band")
    )
    # The last snapshot of each 28 days.
    seen = {(pk, (newest - at).days // STEP.days): (at, band) for pk, at, band in rows}
    left = _left(ids)
    counts: dict[str, list[int]] = {}
    for (pk, _step), (at, band) in seen.items():
        gone = left.get(pk)
        if gone is not None and gone <= at + GAP:
            continue
        pair = counts.setdefault(band, [0, 0])
        pair[0] += 1
        pair[1] += gone is not None and gone <= at + GAP + HORIZON
    total, churned = (sum(pair[place] for pair in counts.values()) for place in (0, 1))
    if total < FEWEST_ROWS or churned < FEWEST_CHURNED:
        return {}
    base = churned / total
    return {
        band: _rate((hits + PRIOR_ROWS * base) / (number + PRIOR_ROWS), number, hits)
        for band, (number, hits) in counts.items()
    } | {"": _rate(base, total, churned)}


def _rate(share: float, rows: int, churned: int) -> BandRate:
    low, high = wilson(share, rows + PRIOR_ROWS, EIGHTY_PERCENT)
    return BandRate(share, low, high, rows, churned)


def _left(ids: list[int]) -> dict[int, date]:
    ends = RevenueMovement.objects.filter(account_id__in=ids, kind=RevenueMovement.Kind.CHURN)
    found: dict[int, date] = {}
    for pk, notice, effective in ends.values_list("account_id", "notice_on", "effective_on"):
        said = notice or effective
        found[pk] = min(said, found.get(pk, said))
    gone = Account.objects.filter(pk__in=ids).exclude(churned_on=None).values_list("pk", "churned_on")
    return {**{pk: on for pk, on in gone if on}, **found}
