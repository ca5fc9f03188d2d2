"""End the accounts whose churn, announced before, has become effective."""

from datetime import UTC, date, datetime

from django.db import transaction
from django.utils import timezone

from customers.events import ACCOUNT_CHANGED
from customers.models import Account, RevenueMovement
from people.viewer import Viewer

_ENDS, _RETURNS = RevenueMovement.Kind.CHURN, RevenueMovement.Kind.REACTIVATION


def end_accounts(*, by: Viewer, now: datetime | None = None) -> int:
    """Give the accounts whose churn is effective by today (UTC) their date and stage; returns how many there were.

    An account that was reactivated since, or at the same date, is left alone. Needs ``customers.edit``.
    """
    by.require("customers.edit")
    today = (now or timezone.now()).astimezone(UTC).date()
    due = RevenueMovement.objects.filter(kind=_ENDS, effective_on__lte=today, account__churned_on=None)
    account_ids = due.order_by("account_id").values_list("account_id", flat=True).distinct()
    return sum(_end(account_id, today, by) for account_id in list(account_ids))


@transaction.atomic
def _end(account_id: int, today: date, by: Viewer) -> int:
    account = Account.objects.select_for_update().get(pk=account_id)
    turns = RevenueMovement.objects.filter(
        account=account, kind__in=[_ENDS, _RETURNS], effective_on__lte=today
    )
    last = turns.order_by("effective_on", "pk").last()
    if account.churned_on is not None or last is None or last.kind != _ENDS:
        return 0
    changed = {
        "churned_on": [None, last.effective_on],
        "lifecycle": [account.lifecycle, Account.Lifecycle.CHURNED],
    }
    account.churned_on, account.lifecycle = last.effective_on, Account.Lifecycle.CHURNED
    account.save(update_fields=["churned_on", "lifecycle"])
    ACCOUNT_CHANGED.record(by=by, subject_id=account.pk, account_id=account.pk, detail={"changed": changed})
    return 1
