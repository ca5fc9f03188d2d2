"""Create and change many contacts at once, found by the id that another system gave them, or by an address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from customers.domains import normalise_address
from customers.events import CONTACT_CHANGED, CONTACT_CREATED, IDENTITY_ADDED
from customers.models import Account, Contact, ContactIdentity
from customers.services.save_contact import EDITABLE, NOT_TYPED
from customers.standing import standing_ids
from customers.traits import merged_traits, told_changes
from customers.upserts import MOST_ROWS, Upserted, refuse_repeated
from people.viewer import Viewer

# A concurrent batch may create the same contact first; then it is found.
_TRIES = 3
_LONGEST_CHAIN = 20


@dataclass
class _Written:
    """A row on its way: the contact, what changes on it (None: it is new), the addresses it gets."""

    index: int
    external_id: str
    contact: Contact
    changed: dict[str, list[Any]] | None
    addresses: list[str]


def upsert_contacts(*, rows: Sequence[Mapping[str, Any]], by: Viewer) -> list[Upserted]:
    """Write each row and return what became of it, in their order.

    A row has ``external_id``, keys of EDITABLE, ``emails`` (added to those the contact has) and ``account_external_id``. A
    contact that has no external id yet and one of the addresses takes the row's; of a merged contact the one that took it over
    is changed. A row that is refused holds no other up. The number of queries does not grow with the rows. Raises
    ValidationError for more than MOST_ROWS.
    """
    by.require("customers.edit")
    if len(rows) > MOST_ROWS:
        raise ValidationError({"items": _("At most %d at a time.") % MOST_ROWS})
    for attempt in range(_TRIES):
        try:
            return _Batch(rows, by).write()
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


class _Batch:
    """One batch: what is known before it, what it writes."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], by: Viewer) -> None:
        self.rows = [
            {**row, "emails": [normalise_address(one) for one in row.get("emails", ())]} for row in rows
        ]
        self.by = by
        self.refused = refuse_repeated(rows)

    @transaction.atomic
    def write(self) -> list[Upserted]:
        """Write the rows that can be written; return what became of all."""
        self._read()
        written: list[_Written] = []
        for index, row in enumerate(self.rows):
            if index in self.refused:
                continue
            try:
                written.append(self._prepared(index, row))
            except ValidationError as error:
                self.refused[index] = error.message_dict
        self._save(written)
        done = {
            one.index: Upserted.of(
                one.index,
                one.external_id,
                one.contact.pk,
                None if one.changed is None else {**one.changed, **dict.fromkeys(one.addresses)},
            )
            for one in written
        }
        for index, errors in self.refused.items():
            done[index] = Upserted.refusal(index, str(self.rows[index]["external_id"]), errors)
        return [done[index] for index in range(len(self.rows))]

    def _read(self) -> None:
        """Read, in constant queries, everything that the rows name."""
        external_ids = {str(row["external_id"]) for row in self.rows}
        found = Contact.objects.select_for_update().filter(external_id__in=external_ids).order_by("pk")
        self.by_external_id = {contact.external_id or "": contact for contact in found}
        addresses = {address for row in self.rows for address in row["emails"]}
        owners = ContactIdentity.objects.filter(kind="email", value__in=addresses).select_related("contact")
        self.owner_of = {identity.value: identity.contact for identity in owners}
        self._follow_merges()
        ids = {row["account_id"] for row in self.rows if row.get("account_id") is not None}
        self.accounts = set(Account.objects.filter(pk__in=ids).values_list("pk", flat=True))
        names = {row["account_external_id"] for row in self.rows if row.get("account_external_id")}
        known = Account.objects.filter(external_id__in=names)
        of_name = dict(known.values_list("external_id", "pk"))
        standing = standing_ids(of_name.values()) if of_name else {}
        self.account_of = {name: standing[pk] for name, pk in of_name.items()}
        # Rows that name one contact share it, so that a later row sees what an earlier one changed.
        self.contacts: dict[int, Contact] = {}

    def _follow_merges(self) -> None:
        for _step in range(_LONGEST_CHAIN):
            merged = {one.merged_into_id for one in self.by_external_id.values() if one.merged_into_id}
            if not merged:
                return
            targets = Contact.objects.select_for_update().in_bulk(merged)
            self.by_external_id = {
                name: targets[one.merged_into_id] if one.merged_into_id else one
                for name, one in self.by_external_id.items()
            }

    def _prepared(self, index: int, row: Mapping[str, Any]) -> _Written:
        """The contact as the row wants it; raises ValidationError naming the field."""
        external_id = str(row["external_id"])
        contact = self._contact_of(external_id, row["emails"])
        values = {name: row[name] for name in EDITABLE if name in row and name != "external_id"}
        values |= self._account(row)
        if contact is None or contact.external_id is None:
            values["external_id"] = external_id
        target = contact or Contact()
        if "traits" in row:
            values["traits"] = merged_traits("contact", target.traits, row["traits"])
        addresses = self._new_addresses(target, row["emails"])
        before = {name: getattr(target, name) for name in values}
        for name, value in values.items():
            setattr(target, name, value)
        try:
            target.clean_fields(exclude={*NOT_TYPED, "account"})
        except ValidationError:
            for name, value in before.items():
                setattr(target, name, value)
            raise
        self.owner_of |= dict.fromkeys(addresses, target)
        changed = None
        if contact is not None:
            changed = {name: [old, values[name]] for name, old in before.items() if values[name] != old}
        return _Written(index, external_id, target, changed, addresses)

    def _contact_of(self, external_id: str, emails: Sequence[str]) -> Contact | None:
        """The contact of a row, None for a new one."""
        contact = self.by_external_id.get(external_id)
        if contact is None:
            owners = [self.owner_of[one] for one in emails if one in self.owner_of]
            contact = next((one for one in owners if one.external_id is None), None)
        if contact is None or contact.pk is None:
            return contact
        return self.contacts.setdefault(contact.pk, contact)

    def _new_addresses(self, contact: Contact, emails: Sequence[str]) -> list[str]:
        new = []
        for address in dict.fromkeys(emails):
            owner = self.owner_of.get(address)
            if owner is None:
                try:
                    validate_email(address)
                except ValidationError as error:
                    raise ValidationError({"emails": error.messages}) from error
                new.append(address)
            elif owner is not contact and (owner.pk is None or owner.pk != contact.pk):
                raise ValidationError({"emails": _("%s belongs to another contact.") % address})
        return new

    def _account(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if row.get("account_external_id"):
            if row["account_external_id"] not in self.account_of:
                raise ValidationError({"account_external_id": _("No customer has this external id.")})
            return {"account_id": self.account_of[row["account_external_id"]]}
        if row.get("account_id") is not None and row["account_id"] not in self.accounts:
            raise ValidationError({"account": _("There is no such customer.")})
        return {}

    def _save(self, written: Sequence[_Written]) -> None:
        made = [one for one in written if one.changed is None]
        changed = [one for one in written if one.changed]
        Contact.objects.bulk_create([one.contact for one in made])
        CONTACT_CREATED.record_many(
            by=self.by, rows=[_told(one.contact, {"name": one.contact.name}) for one in made]
        )
        if changed:
            names = sorted({name for one in changed for name in one.changed or ()})
            Contact.objects.bulk_update([one.contact for one in changed], names, batch_size=100)
            CONTACT_CHANGED.record_many(
                by=self.by,
                rows=[_told(one.contact, {"changed": told_changes(one.changed or {})}) for one in changed],
            )
        added = [(one, address) for one in written for address in one.addresses]
        ContactIdentity.objects.bulk_create(
            [ContactIdentity(contact=one.contact, kind="email", value=address) for one, address in added]
        )
        IDENTITY_ADDED.record_many(
            by=self.by,
            rows=[
                _told(one.contact, {"kind": "email", "value": address})
                for one, address in added
                if one.changed is not None
            ],
        )


def _told(contact: Contact, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"subject_id": contact.pk, "account_id": contact.account_id, "detail": detail}
