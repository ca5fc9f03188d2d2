"""Store what became of the accounts in each band."""

from collections.abc import Mapping
from datetime import date

from django.db import transaction

from health.models import BandOutcome
from people.viewer import Viewer


@transaction.atomic
def store_band_outcomes(*, by: Viewer, until: date, counts: Mapping[str, tuple[int, int]]) -> None:
    """Replace the rows of all bands: (account-days, churned) of moments whose windows had closed on ``until``."""
    by.require("customers.edit")
    BandOutcome.objects.exclude(band__in=list(counts)).delete()
    for band, (account_days, churned) in counts.items():
        BandOutcome.objects.update_or_create(
            band=band, defaults={"account_days": account_days, "churned": churned, "until": until}
        )
