"""Record changes of revenue, take them back, put them right: rows of the ledger, which keeps the account's ARR in step."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account, RevenueMovement, Subscription
from customers.services.write_ledger import append, movement_of, open_ledgers
from people.viewer import Viewer

Kind = RevenueMovement.Kind
CORRECTION = "correction"
_TURNS = (Kind.CHURN, Kind.REACTIVATION, Kind.NEW)


@transaction.atomic
def record_revenue_movement(
    *,
    account: Account,
    kind: str,
    amount: Decimal,
    effective_on: date,
    by: Viewer,
    notice_on: date | None = None,
    subscription: Subscription | None = None,
    product: str = "",
    reason_code: str = "",
) -> RevenueMovement:
    """Append a movement; the account's ARR moves by it on the day of its effect.

    ``amount`` is signed in the account's currency: negative for contraction and churn, else positive. A churn that is
    effective ends the account (``churned_on``, stage churned); one announced for later does so on its day
    (``end_accounts``). Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    account = locked(account)
    row = movement_of(account, kind, amount, effective_on, reason_code=reason_code)
    row.notice_on, row.subscription = notice_on, subscription
    row.product = product or (subscription.product if subscription else "")
    check(row)
    open_ledgers([account], first={account.pk: effective_on})
    append([row], by=by)
    turn(account, [row])
    return row


@transaction.atomic
def void_movement(*, movement: RevenueMovement, by: Viewer, reason_code: str = CORRECTION) -> RevenueMovement:
    """Take a movement back by a row of the opposite amount on the same day, and return that row. Raises ValidationError."""
    by.require("customers.edit")
    account = locked(movement.account)
    row = voiding(account, movement, reason_code)
    append([row], by=by)
    turn(account, [row])
    return row


@transaction.atomic
def restate_movement(
    *, movement: RevenueMovement, values: Mapping[str, Any], by: Viewer, reason_code: str = CORRECTION
) -> RevenueMovement:
    """Put a movement right: a row that takes it back and a row as it should have been, in one go; returns the latter.

    ``values`` may hold ``kind``, ``amount``, ``effective_on``, ``notice_on``, ``product`` and ``reason_code``; what it does not
    hold stays. Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    account = locked(movement.account)
    changes = {name: values[name] for name in values if name in _RESTATED}
    if all(getattr(movement, name) == value for name, value in changes.items()):
        raise ValidationError({"amount": _("Nothing is different.")})
    right = movement_of(account, movement.kind, movement.amount, movement.effective_on)
    right.currency, right.subscription = movement.currency, movement.subscription
    for name in _RESTATED:
        setattr(right, name, changes.get(name, getattr(movement, name)))
    check(right)
    rows = [voiding(account, movement, reason_code), right]
    append(rows, by=by)
    turn(account, rows)
    return right


_RESTATED = ("kind", "amount", "effective_on", "notice_on", "product", "reason_code")


def locked(account: Account) -> Account:
    """Return the account as it is, locked until the end of the transaction."""
    return Account.objects.select_for_update().get(pk=account.pk)


def check(row: RevenueMovement) -> None:
    """Raise ValidationError naming the field of a row that cannot be; changes of currency are made with the account."""
    exclude = [
        "account",
        "subscription",
        "notice_on",
        "recorded_at",
        "void_of",
        "rate",
        "amount_base",
        "base_currency",
    ]
    row.full_clean(exclude=exclude)
    if row.notice_on and row.notice_on > row.effective_on:
        raise ValidationError({"notice_on": _("The notice comes before the effect.")})


def voiding(account: Account, movement: RevenueMovement, reason_code: str) -> RevenueMovement:
    """Return the row that takes a movement back, not written yet; raises ValidationError when it holds no more."""
    if movement.void_of_id is not None:
        raise ValidationError({"void_of": _("A correction cannot be taken back; record the change again.")})
    if RevenueMovement.objects.filter(void_of=movement).exists():
        raise ValidationError({"void_of": _("This change has been taken back already.")})
    row = movement_of(
        account, movement.kind, -movement.amount, movement.effective_on, reason_code=reason_code
    )
    for name in ("currency", "product", "subscription_id", "notice_on", "rate", "base_currency"):
        setattr(row, name, getattr(movement, name))
    row.amount_base = None if movement.amount_base is None else -movement.amount_base
    row.void_of = movement
    return row


def turn(account: Account, rows: Iterable[RevenueMovement]) -> None:
    """End an account whose last turn (churn, return) that is effective is a churn; begin it again when it is none.

    Nothing is done when none of the ``rows`` just written is a turn.
    """
    if not any(row.kind in _TURNS for row in rows):
        return
    today = timezone.now().date()
    last = last_turn(account, today)
    ended = last.effective_on if last is not None and last.kind == Kind.CHURN else None
    if ended == account.churned_on:
        return
    account.churned_on = ended
    account.lifecycle = Account.Lifecycle.CHURNED if ended else Account.Lifecycle.ESTABLISHED
    account.save(update_fields=["churned_on", "lifecycle"])


def last_turn(account: Account, day: date) -> RevenueMovement | None:
    """Return the last start, churn or return of an account that is effective by a day and was not taken back."""
    turns = RevenueMovement.objects.standing().filter(account=account, kind__in=_TURNS, effective_on__lte=day)
    return turns.order_by("effective_on", "pk").last()
