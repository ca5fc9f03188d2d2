"""What became of accounts in each band: the same moments and windows as the churn model's observations.

An account counts every 28 days from 28 days after its start to its notice, in the band of its last snapshot of the week; only
moments whose window of 90 days after a week has passed count, of those who left and of those who stayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q

from core.formatting import BAND_FLOORS
from customers.models import Account, RevenueMovement
from health.churn.observations import FIRST_AFTER, GAP, HORIZON, STEP
from health.loading import among
from health.models import BandOutcome, HealthSnapshot
from ml.monitoring.estimates import wilson

NINETY_FIVE_PERCENT = 1.959963984540054
HISTORY = timedelta(days=730)
#: A snapshot stands for the moment for so many days.
LASTS = 7
BANDS = [*(str(band) for band, _floor in BAND_FLOORS), str(Account.Band.UNKNOWN)]


@dataclass(frozen=True)
class BandProof:
    """Of ``account_days`` in ``band`` ``churned`` left; ``share`` with Wilson's 95 % interval, None without any."""

    band: str
    account_days: int
    churned: int
    share: float | None
    low: float | None
    high: float | None


def band_proofs() -> dict[str, BandProof]:
    """Return the proof of each band that was measured, best band first; one query."""
    rows = {row.band: row for row in BandOutcome.objects.all()}
    return {band: _proof(rows[band]) for band in BANDS if band in rows}


def _proof(row: BandOutcome) -> BandProof:
    if not row.account_days:
        return BandProof(row.band, 0, 0, None, None, None)
    share = row.churned / row.account_days
    low, high = wilson(share, row.account_days, NINETY_FIVE_PERCENT)
    return BandProof(row.band, row.account_days, row.churned, share, low, high)


def moments(until: date) -> list[date]:
    """Return the days of the grid of two years, newest first, the newest with its window just closed."""
    newest = until - GAP - HORIZON
    return [newest - number * STEP for number in range(HISTORY // STEP)]


def count_outcomes(account_ids: Sequence[int], until: date) -> dict[str, tuple[int, int]]:
    """Return (account-days, churned) per band of these accounts; four queries."""
    days = moments(until)
    weeks = Q(pk__in=[])
    for day in days:
        weeks |= Q(as_of__gt=day - timedelta(days=LASTS), as_of__lte=day)
    rows = HealthSnapshot.objects.filter(weeks, account_id__in=among(account_ids)).order_by("as_of")
    seen: dict[tuple[int, date], str] = {}
    for pk, at, band in rows.values_list("account_id", "as_of", "band"):
        seen[pk, days[(days[0] - at) // STEP]] = band
    since = dict(
        Account.objects.filter(pk__in=among(account_ids)).values_list("pk", "customer_since").order_by()
    )
    left = leaving_days(account_ids)
    counts: dict[str, tuple[int, int]] = {}
    for (pk, day), band in seen.items():
        begun, gone = since.get(pk), left.get(pk)
        if (begun is not None and begun + FIRST_AFTER > day) or (gone is not None and gone <= day):
            continue
        number, churned = counts.get(band, (0, 0))
        hit = gone is not None and day + GAP < gone <= day + GAP + HORIZON
        counts[band] = (number + 1, churned + hit)
    return counts


def leaving_days(account_ids: Sequence[int]) -> Mapping[int, date]:
    """Return the first day on which an account said that it leaves, else left."""
    found: dict[int, date] = {}
    ends = RevenueMovement.objects.filter(
        account_id__in=among(account_ids), kind=RevenueMovement.Kind.CHURN
    ).values_list("account_id", "notice_on", "effective_on")
    for pk, notice, effective in ends:
        said = notice or effective
        found[pk] = min(said, found.get(pk, said))
    gone = Account.objects.filter(pk__in=among(account_ids)).exclude(churned_on=None)
    for pk, day in gone.values_list("pk", "churned_on"):
        if day is not None:
            found.setdefault(pk, day)
    return found
