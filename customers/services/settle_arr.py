"""Bring the ledger in step with an ARR that was set on the account itself: by a person, a CRM, an import."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from customers.ledger import arr_now
from customers.models import Account, RevenueMovement
from customers.services.write_ledger import append, movement_of, open_ledgers
from people.viewer import Viewer

Kind = RevenueMovement.Kind
SET = "set_on_account"


@dataclass(frozen=True)
class ArrChange:
    """An account as it is now, and the ARR and currency that it had before."""

    account: Account
    arr: Decimal
    currency: str


def arr_changes(rows: Iterable[tuple[Account, Mapping[str, Sequence[Any]]]]) -> list[ArrChange]:
    """Return the changes among accounts, each with its changed fields (name to [old, new]), that move revenue."""
    return [
        ArrChange(
            account,
            changed.get("arr", [account.arr])[0],
            str(changed.get("currency", [account.currency])[0]),
        )
        for account, changed in rows
        if {"arr", "currency"} & set(changed)
    ]


def settle_arr(*, changes: Sequence[ArrChange], by: Viewer, on: date | None = None) -> None:
    """Write the movements from what the ledger says to new values of ARR or currency, effective today; the accounts are saved
    and locked.

    More is an expansion, less a contraction (an account ends by a churn, not by a number); another currency takes all of the old
    one back and puts the new in, both as changes of currency. A fixed number of queries.
    """
    today = on or timezone.now().date()
    open_ledgers(
        [change.account for change in changes],
        before={change.account.pk: (change.arr, change.currency) for change in changes},
    )
    rows: list[RevenueMovement] = []
    standing = arr_now([change.account for change in changes], today)
    for change in changes:
        account, told = change.account, standing[change.account.pk]
        more = account.arr - told
        if account.currency != change.currency:
            rows += _in_other_currency(change, today)
        elif more:
            kind = Kind.CONTRACTION if more < 0 else Kind.EXPANSION if told else Kind.NEW
            rows.append(movement_of(account, kind, more, today, reason_code=SET))
    if rows:
        append(rows, by=by)


def _in_other_currency(change: ArrChange, today: date) -> list[RevenueMovement]:
    amounts = ((-change.arr, change.currency), (change.account.arr, change.account.currency))
    return [
        movement_of(change.account, Kind.FX, amount, today, currency=currency, reason_code=SET)
        for amount, currency in amounts
        if amount
    ]
