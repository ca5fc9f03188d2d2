"""The only writer of the revenue ledger: appends rows, tells of them, keeps the accounts' ARR in step. Other services decide."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers.events import REVENUE_MOVED
from customers.ledger import NOTHING, arr_now, revenue_as_of
from customers.models import Account, MonthClose, Restatement, RevenueMovement
from customers.money import RateTable, cents
from people.viewer import Viewer

Kind = RevenueMovement.Kind
OPENING = "opening"


def open_ledgers(
    accounts: Collection[Account],
    *,
    first: Mapping[int, date] | None = None,
    before: Mapping[int, tuple[Decimal, str]] | None = None,
) -> None:
    """Let the ledger begin with the ARR of the accounts that have one and no row yet.

    It is effective when they became customers, or on the day in ``first`` when that is earlier. ``before`` are (ARR, currency) of
    those whose columns have changed already. The accounts are locked.
    """
    had = {one.pk: (before or {}).get(one.pk, (one.arr, one.currency)) for one in accounts}
    bare = {account.pk: account for account in accounts if had[account.pk][0]}
    known = RevenueMovement.objects.filter(account__in=list(bare)).order_by()
    for pk in known.values_list("account_id", flat=True).distinct():
        bare.pop(pk, None)
    rows = []
    for account in bare.values():
        began = account.customer_since or account.created_at.date()
        day = min(began, (first or {}).get(account.pk, began))
        amount, currency = had[account.pk]
        rows.append(movement_of(account, Kind.NEW, amount, day, currency=currency, reason_code=OPENING))
    _insert(rows)


def movement_of(
    account: Account, kind: str, amount: Decimal, day: date, *, currency: str = "", reason_code: str = ""
) -> RevenueMovement:
    """Return a row that is not written yet."""
    return RevenueMovement(
        account=account,
        kind=kind,
        amount=amount,
        currency=currency or account.currency,
        effective_on=day,
        reason_code=reason_code,
    )


def append(rows: Sequence[RevenueMovement], *, by: Viewer) -> None:
    """Write rows of locked accounts, record an event for each, and set the accounts' ARR to what the ledger says now.

    Raises ValidationError naming ``amount`` when an ARR would be below zero or too large.
    """
    _insert(rows)
    accounts = {row.account_id: row.account for row in rows}
    refresh_arr(list(accounts.values()))
    for row in rows:
        if row.amount < 0:
            _refuse_less_than_nothing(row)
    REVENUE_MOVED.record_many(
        by=by,
        rows=[
            {"subject_id": row.account_id, "account_id": row.account_id, "detail": _told(row)} for row in rows
        ],
    )


def refresh_arr(accounts: Sequence[Account]) -> list[Account]:
    """Set the ARR of accounts to the ledger's of today (UTC) and return those that changed. Raises ValidationError."""
    found = arr_now(accounts)
    changed = [account for account in accounts if account.arr != found[account.pk]]
    others = {field.name for field in Account._meta.fields} - {"arr"}
    for account in changed:
        account.arr = found[account.pk]
        try:
            account.clean_fields(exclude=others)
        except ValidationError as error:
            raise ValidationError({"amount": error.messages}) from error
    Account.objects.bulk_update(changed, ["arr"], batch_size=500)
    return changed


def _insert(rows: Sequence[RevenueMovement]) -> None:
    now, table = timezone.now(), RateTable()
    for row in rows:
        row.recorded_at = now
        if row.void_of is None:
            row.base_currency = table.base
            row.rate = table.on(row.effective_on, row.currency)
            row.amount_base = None if row.rate is None else cents(row.amount * row.rate)
    RevenueMovement.objects.bulk_create(rows)
    _restate(rows)


def _restate(rows: Sequence[RevenueMovement]) -> None:
    """Write down which closed months would say something else now; their figures stay."""
    if not rows:
        return
    first = min(row.effective_on for row in rows).replace(day=1)
    closed = list(MonthClose.objects.filter(month__gte=first).values_list("pk", "month"))
    Restatement.objects.bulk_create(
        Restatement(close_id=pk, movement=row)
        for pk, month in closed
        for row in rows
        if row.effective_on.replace(day=1) <= month
    )


def _refuse_less_than_nothing(row: RevenueMovement) -> None:
    for day in (row.effective_on, date.max):
        left = revenue_as_of([row.account_id], effective_on=day).get((row.account_id, ""), NOTHING)
        if left.in_currency(row.currency) < 0:
            raise ValidationError(
                {
                    "amount": _("The ARR would be below zero on %s.")
                    % date_format(row.effective_on if day == date.max else day, "j M Y")
                }
            )


def _told(row: RevenueMovement) -> dict[str, object]:
    told: dict[str, object] = {
        "kind": row.kind,
        "amount": row.amount,
        "currency": row.currency,
        "effective_on": row.effective_on,
        "notice_on": row.notice_on,
    }
    more = {"product": row.product, "reason_code": row.reason_code, "void_of": row.void_of_id}
    return told | {name: value for name, value in more.items() if value}
