"""Set traits of accounts and contacts: by hand, and as the product tells them of many at once."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from customers.events import ACCOUNT_CHANGED, CONTACT_CHANGED
from customers.models import Account, Contact, TraitDefinition
from customers.traits import changed_traits, definitions, merged_traits, usable_traits
from people.viewer import Viewer

_ACCOUNT, _CONTACT = TraitDefinition.Target.ACCOUNT, TraitDefinition.Target.CONTACT


@transaction.atomic
def set_account_traits(*, account: Account, values: Mapping[str, object], by: Viewer) -> Account:
    """Set the named traits, an empty value removes one; raises ValidationError naming ``traits``."""
    by.require("customers.edit")
    account = Account.objects.select_for_update().get(pk=account.pk)
    after = merged_traits(_ACCOUNT, account.traits, values)
    changed = changed_traits(account.traits, after)
    if changed:
        account.traits = after
        account.save(update_fields=["traits"])
        ACCOUNT_CHANGED.record(
            by=by, subject_id=account.pk, account_id=account.pk, detail={"changed": changed}
        )
    return account


@transaction.atomic
def set_contact_traits(*, contact: Contact, values: Mapping[str, object], by: Viewer) -> Contact:
    """Set the named traits, an empty value removes one; raises ValidationError naming ``traits``."""
    by.require("customers.edit")
    contact = Contact.objects.select_for_update().get(pk=contact.pk, erased_at=None)
    after = merged_traits(_CONTACT, contact.traits, values)
    changed = changed_traits(contact.traits, after)
    if changed:
        contact.traits = after
        contact.save(update_fields=["traits"])
        CONTACT_CHANGED.record(
            by=by, subject_id=contact.pk, account_id=contact.account_id, detail={"changed": changed}
        )
    return contact


@transaction.atomic
def take_traits(
    *,
    by: Viewer,
    accounts: Mapping[int, Mapping[str, object]] | None = None,
    contacts: Mapping[int, Mapping[str, object]] | None = None,
) -> int:
    """Take traits by account id and by contact id as the product sends them (``group``, ``identify``).

    Those without a definition, and values that do not fit theirs, are left out; erased people keep none. Returns how many rows
    changed. The number of queries does not grow with the rows; without definitions there is none. Needs ``usage.write`` or
    ``customers.edit``.
    """
    if not by.can("usage.write"):
        by.require("customers.edit")
    return _take_of_accounts(accounts or {}, by) + _take_of_contacts(contacts or {}, by)


def _take_of_accounts(given: Mapping[int, Mapping[str, object]], by: Viewer) -> int:
    wanted = _usable(_ACCOUNT, given)
    if not wanted:
        return 0
    rows = Account.objects.select_for_update().filter(pk__in=wanted).order_by("pk").only("pk", "traits")
    changed = {row: change for row in rows if (change := _apply(row, wanted[row.pk]))}
    Account.objects.bulk_update(changed, ["traits"], batch_size=200)
    ACCOUNT_CHANGED.record_many(
        by=by,
        rows=[
            {"subject_id": row.pk, "account_id": row.pk, "detail": {"changed": change}}
            for row, change in changed.items()
        ],
    )
    return len(changed)


def _take_of_contacts(given: Mapping[int, Mapping[str, object]], by: Viewer) -> int:
    wanted = _usable(_CONTACT, given)
    if not wanted:
        return 0
    rows = Contact.objects.select_for_update().filter(pk__in=wanted, erased_at=None).order_by("pk")
    changed = {
        row: change
        for row in rows.only("pk", "account_id", "traits")
        if (change := _apply(row, wanted[row.pk]))
    }
    Contact.objects.bulk_update(changed, ["traits"], batch_size=200)
    CONTACT_CHANGED.record_many(
        by=by,
        rows=[
            {"subject_id": row.pk, "account_id": row.account_id, "detail": {"changed": change}}
            for row, change in changed.items()
        ],
    )
    return len(changed)


def _usable(target: str, given: Mapping[int, Mapping[str, object]]) -> dict[int, dict[str, Any]]:
    if not given or not definitions(target):
        return {}
    found = {pk: usable_traits(target, values) for pk, values in given.items()}
    return {pk: values for pk, values in found.items() if values}


def _apply(row: Account | Contact, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set the values on the row and return what changes."""
    after = {key: value for key, value in {**row.traits, **values}.items() if value is not None}
    change = changed_traits(row.traits, after)
    row.traits = after
    return change
