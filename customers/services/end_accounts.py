"""Let announced changes of revenue take effect on their day: the ARR moves, and an account whose churn it is ends."""

from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from customers.events import ACCOUNT_CHANGED
from customers.ledger import arr_now
from customers.models import Account, RevenueMovement
from customers.services.record_revenue import last_turn
from customers.services.write_ledger import open_ledgers
from people.viewer import Viewer

_ENDS = RevenueMovement.Kind.CHURN
#: How long the task may have stood still without missing a day.
_REACH = timedelta(days=400)


def end_accounts(*, by: Viewer, now: datetime | None = None) -> int:
    """Give the accounts whose churn is effective by today (UTC) their date and stage; returns how many there were.

    Accounts with an ARR and no ledger get one. The ARR of all whose changes have become effective is set to the ledger's. An
    account that was reactivated since, or at the same date, is left alone, and so is a churn that was taken back. Needs
    ``customers.edit``.
    """
    by.require("customers.edit")
    today = (now or timezone.now()).astimezone(UTC).date()
    _begin_ledgers()
    _take_effect(today)
    due = RevenueMovement.objects.standing().filter(
        kind=_ENDS, effective_on__lte=today, account__churned_on=None
    )
    account_ids = due.order_by("account_id").values_list("account_id", flat=True).distinct()
    return sum(_end(account_id, today, by) for account_id in list(account_ids))


@transaction.atomic
def _begin_ledgers() -> None:
    """Begin the ledgers of accounts that came with an ARR by a way that writes none."""
    begun = RevenueMovement.objects.filter(account=OuterRef("pk"))
    bare = Account.objects.select_for_update().filter(~Exists(begun), arr__gt=0)
    open_ledgers(list(bare.order_by("pk")[:2000]))


def _take_effect(today: date) -> None:
    """Move the ARR of accounts with changes that were recorded before the day from which they count."""
    recent = RevenueMovement.objects.filter(effective_on__gt=today - _REACH, effective_on__lte=today)
    announced = recent.filter(recorded_at__date__lt=F("effective_on"))
    ids = list(announced.order_by().values_list("account_id", flat=True).distinct())
    for start in range(0, len(ids), 500):
        with transaction.atomic():
            accounts = list(Account.objects.select_for_update().filter(pk__in=ids[start : start + 500]))
            found = arr_now(accounts, today)
            changed = [account for account in accounts if account.arr != found[account.pk]]
            for account in changed:
                account.arr = found[account.pk]
            Account.objects.bulk_update(changed, ["arr"])


@transaction.atomic
def _end(account_id: int, today: date, by: Viewer) -> int:
    account = Account.objects.select_for_update().get(pk=account_id)
    last = last_turn(account, today)
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
