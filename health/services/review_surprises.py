"""Churns that no score had announced: open a review of each, close it with what was missed."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account, RevenueMovement
from health.events import SURPRISE_CLOSED, SURPRISE_OPENED
from health.loading import among
from health.models import HealthSnapshot, SurpriseChurn
from health.outcomes import leaving_days
from people.viewer import Viewer

BEFORE = timedelta(days=60)
#: The snapshot of 60 days before, or one that is up to two weeks older.
SLACK = timedelta(days=14)
CALM = (Account.Band.HEALTHY, Account.Band.STEADY)
LOOKED_BACK = timedelta(days=180)
LOW = 50.0
SHOWN = 5


def open_surprises(*, by: Viewer, account_ids: Sequence[int], until: date) -> int:
    """Open a review for each of these accounts that left within half a year before ``until`` out of a calm band.

    Each churn is opened once, whenever this runs; returns how many are new.
    """
    by.require("customers.edit")
    left = {pk: day for pk, day in leaving_days(account_ids).items() if until - LOOKED_BACK <= day <= until}
    if not left:
        return 0
    seen = _snapshots_before(left)
    known = set(SurpriseChurn.objects.filter(account_id__in=list(left)).values_list("account_id", "left_on"))
    calm = {
        pk: row for pk, row in seen.items() if row.band in CALM and (pk, left[pk]) not in known
    }  # fmt: skip
    if not calm:
        return 0
    lost = _lost(list(calm))
    with transaction.atomic():
        rows = SurpriseChurn.objects.bulk_create(
            [_review(account, left[account.pk], calm[account.pk], lost) for account in _accounts(calm)]
        )
        SURPRISE_OPENED.record_many(
            by=by,
            rows=[
                {
                    "subject_id": row.account_id,
                    "account_id": row.account_id,
                    "detail": {"band": row.band, "left_on": row.left_on.isoformat()},
                }
                for row in rows
            ],
        )
    return len(rows)


def close_surprise(*, by: Viewer, surprise: SurpriseChurn, root_cause: str, note: str) -> bool:
    """Say why nobody saw it coming; returns False when it was closed already. Raises ValidationError naming the field."""
    by.require("health.override")
    if root_cause not in SurpriseChurn.RootCause.values:
        raise ValidationError({"root_cause": _("Choose one of the causes.")})
    if len(note) > 2000:
        raise ValidationError({"note": _("At most 2,000 characters.")})
    with transaction.atomic():
        closed = SurpriseChurn.objects.filter(pk=surprise.pk, closed_at=None).update(
            root_cause=root_cause, note=note.strip(), closed_at=timezone.now(), closed_by_id=by.user_id
        )
        if closed:
            SURPRISE_CLOSED.record(
                by=by,
                subject_id=surprise.account_id,
                account_id=surprise.account_id,
                detail={"root_cause": root_cause, "text": note.strip()},
            )
    return bool(closed)


def _accounts(calm: Mapping[int, HealthSnapshot]) -> list[Account]:
    return list(Account.objects.filter(pk__in=list(calm)).order_by("pk"))


def _snapshots_before(left: Mapping[int, date]) -> dict[int, HealthSnapshot]:
    """Return the snapshot of 60 days before each leaving, the newest that is not younger."""
    oldest = min(left.values()) - BEFORE - SLACK
    rows = HealthSnapshot.objects.filter(
        account_id__in=among(list(left)), as_of__gte=oldest, as_of__lte=max(left.values()) - BEFORE
    ).order_by("as_of")
    return {
        row.account_id: row
        for row in rows.iterator(chunk_size=2000)
        if left[row.account_id] - BEFORE - SLACK <= row.as_of <= left[row.account_id] - BEFORE
    }


def _lost(account_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return the ARR that went with each churn; accounts without a movement are left out."""
    rows = RevenueMovement.objects.filter(account_id__in=account_ids, kind=RevenueMovement.Kind.CHURN)
    sums = rows.order_by().values_list("account_id").annotate(lost=Sum("amount"))
    return {pk: abs(lost) for pk, lost in sums}


def _review(
    account: Account, left_on: date, seen: HealthSnapshot, lost: Mapping[int, Decimal]
) -> SurpriseChurn:
    return SurpriseChurn(
        account=account,
        left_on=left_on,
        arr=lost.get(account.pk, account.arr),
        currency=account.currency,
        seen_on=seen.as_of,
        band=seen.band,
        score=seen.score,
        card_version=seen.card_version,
        missed=missed_by(seen),
    )


def missed_by(seen: HealthSnapshot) -> list[dict[str, Any]]:
    """Return what the card knew and did not weigh enough, lowest first, then what it did not know."""
    low = sorted((part["n"], part["key"]) for part in seen.parts if part["n"] is not None and part["n"] < LOW)
    missing = [part["key"] for part in seen.parts if part["n"] is None]
    return [
        *({"key": key, "n": n} for n, key in low[:SHOWN]),
        *({"key": key, "n": None} for key in missing[:SHOWN]),
    ]
