"""Create a customer, change a customer."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers.events import ACCOUNT_CHANGED, ACCOUNT_CREATED
from customers.hierarchy import lock_place
from customers.models import Account
from customers.services.settle_arr import arr_changes, settle_arr
from customers.services.write_ledger import open_ledgers
from people.viewer import Viewer

EDITABLE = (
    "name", "domain", "external_id", "tier", "lifecycle", "arr", "currency", "seats", "csm_id", "customer_since",
    "renewal_on", "timezone", "next_step", "parent_id",
)  # fmt: skip


@transaction.atomic
def create_account(*, values: Mapping[str, Any], by: Viewer) -> Account:
    """Create an account from ``values`` (keys of EDITABLE); raises ValidationError naming the field."""
    by.require("customers.edit")
    account = Account(**_known(values))
    _check_parent(None, values)
    clean_account(account)
    account.save()
    ACCOUNT_CREATED.record(by=by, subject_id=account.pk, account_id=account.pk, detail={"name": account.name})
    open_ledgers([account])
    return account


@transaction.atomic
def update_account(*, account: Account, values: Mapping[str, Any], by: Viewer) -> Account:
    """Change fields of EDITABLE; nothing is written or recorded when all are as before. Raises ValidationError."""
    by.require("customers.edit")
    _check_parent(account.pk, values)
    account = Account.objects.select_for_update().get(pk=account.pk)
    before = {name: getattr(account, name) for name in _known(values)}
    for name, value in _known(values).items():
        setattr(account, name, value)
    clean_account(account)
    changed = {
        name: [old, getattr(account, name)] for name, old in before.items() if getattr(account, name) != old
    }
    if changed:
        account.save(update_fields=list(changed))
        ACCOUNT_CHANGED.record(
            by=by, subject_id=account.pk, account_id=account.pk, detail={"changed": changed}
        )
        settle_arr(changes=arr_changes([(account, changed)]), by=by)
    return account


def _check_parent(account_id: int | None, values: Mapping[str, Any]) -> None:
    """Refuse a company that cannot be above; before the account itself is locked, so that locks are taken in one order."""
    parent_id = values.get("parent_id")
    if parent_id is None:
        return
    if not Account.objects.filter(pk=parent_id).exists():
        raise ValidationError({"parent": _("There is no such customer.")})
    lock_place(account_id=account_id, parent_id=parent_id)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise TypeError(f"not fields of an account: {', '.join(unknown)}")
    return dict(values)


def clean_account(account: Account, *, ask_database: bool = True) -> None:
    """Normalise and validate; an empty external id is stored as NULL because it is unique. Raises ValidationError.

    With ``ask_database`` False the caller has looked at the CSM and at what is unique.
    """
    account.name = account.name.strip()
    account.domain = account.domain.strip().lower().removeprefix("@")
    account.external_id = (account.external_id or "").strip() or None
    account.currency = account.currency.upper()
    editable = {name.removesuffix("_id") for name in EDITABLE if name != "external_id"} | {"external_id"}
    exclude = {field.name for field in account._meta.fields} - editable
    if ask_database:
        account.full_clean(exclude=exclude)
    else:
        account.clean_fields(exclude={*exclude, "csm", "parent"})
