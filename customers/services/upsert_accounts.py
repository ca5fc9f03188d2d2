"""Create and change many customers at once, found by the id that another system gave them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from customers.events import ACCOUNT_CHANGED, ACCOUNT_CREATED
from customers.models import Account
from customers.services.save_account import EDITABLE, clean_account
from customers.services.settle_arr import arr_changes, settle_arr
from customers.services.write_ledger import open_ledgers
from customers.standing import standing_ids
from customers.traits import merged_traits, told_changes
from customers.upserts import MOST_ROWS, Upserted, refuse_repeated
from people.models import User
from people.viewer import Viewer

# A concurrent batch may create the same customer first; then it is found.
_TRIES = 3


def upsert_accounts(*, rows: Sequence[Mapping[str, Any]], by: Viewer) -> list[Upserted]:
    """Write each row (keys of EDITABLE, ``external_id`` among them) and return what became of it, in their order.

    A row whose id nobody has makes a customer, others change what they name; a row that is refused holds no other up. The
    number of queries does not grow with the rows. Raises ValidationError for more.
    """
    by.require("customers.edit")
    if len(rows) > MOST_ROWS:
        raise ValidationError({"items": _("At most %d at a time.") % MOST_ROWS})
    for attempt in range(_TRIES):
        try:
            return _upsert(rows, by)
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _upsert(rows: Sequence[Mapping[str, Any]], by: Viewer) -> list[Upserted]:
    refused = refuse_repeated(rows)
    wanted = {str(row["external_id"]) for row in rows}
    known = Account.objects.select_for_update().filter(external_id__in=wanted).order_by("pk")
    accounts = {account.external_id: account for account in known}
    _follow_merges(accounts)
    managers = {row["csm_id"] for row in rows if row.get("csm_id") is not None}
    active = set(User.objects.filter(pk__in=managers, is_active=True).values_list("pk", flat=True))
    found: list[tuple[int, Account, dict[str, list[Any]] | None]] = []
    for index, row in enumerate(rows):
        if index in refused:
            continue
        try:
            found.append((index, *_prepared(row, accounts.get(str(row["external_id"])), active)))
        except ValidationError as error:
            refused[index] = error.message_dict
    made = [account for _index, account, changed in found if changed is None]
    changed_rows = [(account, changed) for _index, account, changed in found if changed]
    Account.objects.bulk_create(made)
    open_ledgers(made)
    ACCOUNT_CREATED.record_many(
        by=by,
        rows=[{"subject_id": one.pk, "account_id": one.pk, "detail": {"name": one.name}} for one in made],
    )
    if changed_rows:
        names = sorted({name for _account, changed in changed_rows for name in changed})
        Account.objects.bulk_update([account for account, _changed in changed_rows], names, batch_size=100)
        ACCOUNT_CHANGED.record_many(
            by=by,
            rows=[
                {"subject_id": one.pk, "account_id": one.pk, "detail": {"changed": told_changes(changed)}}
                for one, changed in changed_rows
            ],
        )
        settle_arr(changes=arr_changes(changed_rows), by=by)
    done = {
        index: Upserted.of(index, str(rows[index]["external_id"]), account.pk, changed)
        for index, account, changed in found
    }
    for index, errors in refused.items():
        done[index] = Upserted.refusal(index, str(rows[index]["external_id"]), errors)
    return [done[index] for index in range(len(rows))]


def _follow_merges(accounts: dict[str | None, Account]) -> None:
    """Put, for an account that was merged, the one that took it over."""
    merged = {name: one for name, one in accounts.items() if one.merged_into_id is not None}
    if not merged:
        return
    standing = standing_ids(one.pk for one in merged.values())
    targets = {one.pk: one for one in accounts.values()}
    missing = set(standing.values()) - set(targets)
    targets |= {
        one.pk: one for one in Account.objects.select_for_update().filter(pk__in=missing).order_by("pk")
    }
    accounts.update({name: targets[standing[one.pk]] for name, one in merged.items()})


def _prepared(
    row: Mapping[str, Any], account: Account | None, active: set[int]
) -> tuple[Account, dict[str, list[Any]] | None]:
    """The customer as the row wants it, and what changes on it (None: it is new). Raises ValidationError naming the field."""
    # Who is above whom is checked one by one: ``update_account``.
    values = {name: row[name] for name in EDITABLE if name in row and name != "parent_id"}
    if account is not None:
        # Who took an account over keeps its own id.
        values.pop("external_id", None)
    if values.get("csm_id") is not None and values["csm_id"] not in active:
        raise ValidationError({"csm": _("There is no such colleague.")})
    row_account = account or Account()
    if "traits" in row:
        values["traits"] = merged_traits("account", row_account.traits, row["traits"])
    before = {name: getattr(row_account, name) for name in values}
    for name, value in values.items():
        setattr(row_account, name, value)
    try:
        clean_account(row_account, ask_database=False)
    except ValidationError:
        for name, value in before.items():
            setattr(row_account, name, value)
        raise
    if account is None:
        return row_account, None
    after = {name: getattr(row_account, name) for name in before}
    return row_account, {name: [old, after[name]] for name, old in before.items() if after[name] != old}
