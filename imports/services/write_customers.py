"""Write accounts, colleagues and contacts of an import: linked to those that are here, or created with their dates.

No event is recorded for each: nothing must react to them. The batch has one (``imports.batch_imported``).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import models, transaction

from core.actors import HISTORY
from customers.domains import company_domain, normalise_address
from customers.models import Account, Contact, ContactIdentity
from customers.services.settle_arr import ArrChange, settle_arr
from customers.services.write_ledger import open_ledgers
from imports.checks import Desk, moment
from imports.models import ExternalRef, Import, ImportRow
from imports.neutral import digest_of
from people.models import User
from people.roles import Role
from people.viewer import system_viewer
from tickets.message_text import one_line

Outcome = ImportRow.Outcome
# Colleagues without an address get one that can never be written to.
NOWHERE = "imported.invalid"


class Refs:
    """What objects of the other system are known to be here: read for a batch, written with it."""

    def __init__(self, run: Import) -> None:
        self.run = run
        self._known: dict[tuple[str, str], ExternalRef] = {}
        self._asked: set[tuple[str, str]] = set()

    def load(self, kind: str, ids: Iterable[str]) -> None:
        """Read those of a kind that were not asked for yet: one query."""
        wanted = {one for one in ids if one and (kind, one) not in self._asked}
        if not wanted:
            return
        self._asked |= {(kind, one) for one in wanted}
        rows = ExternalRef.objects.filter(system=self.run.system, kind=kind, external_id__in=wanted)
        self._known |= {(kind, row.external_id): row for row in rows}

    def get(self, kind: str, number: str) -> ExternalRef | None:
        """Return one; reads it when it was not loaded."""
        if number and (kind, number) not in self._asked:
            self.load(kind, [number])
        return self._known.get((kind, number))

    def put(
        self, kind: str, number: str, object_id: int, *, digest: str = "", stamp: int = 0, made: bool = False
    ) -> None:
        """Remember what an object became; who made it first stays."""
        row = self._known.get((kind, number))
        if row is None:
            row = ExternalRef.objects.create(
                system=self.run.system, kind=kind, external_id=number, object_id=object_id, digest=digest, stamp=stamp,
                made_by=self.run if made else None,
            )  # fmt: skip
        elif (row.object_id, row.digest, row.stamp) != (object_id, digest, stamp):
            row.object_id, row.digest, row.stamp = object_id, digest, stamp
            row.save(update_fields=["object_id", "digest", "stamp"])
        self._asked.add((kind, number))
        self._known[kind, number] = row

    def put_many(self, kind: str, made: Sequence[tuple[str, int, str, int]]) -> None:
        """Remember new objects: (id over there, id here, digest, stamp)."""
        rows = [
            ExternalRef(
                system=self.run.system, kind=kind, external_id=number, object_id=object_id, digest=digest, stamp=stamp,
                made_by=self.run,
            )
            for number, object_id, digest, stamp in made
        ]  # fmt: skip
        for row in ExternalRef.objects.bulk_create(rows, batch_size=500):
            self._asked.add((kind, row.external_id))
            self._known[kind, row.external_id] = row


def keep_moment(model: type[models.Model], pk: int, column: str, at: datetime | None) -> None:
    """Give a row the date it had over there; the column otherwise takes the moment of the import."""
    if at is not None:
        model._default_manager.filter(pk=pk).update(**{column: at})


def write_account(row: ImportRow, data: dict[str, Any], desk: Desk, refs: Refs) -> None:
    """Create an account, or fill in what the one that is here lacks. Raises ValidationError."""
    number = row.external_id or data["id"]
    row.external_id = number[:160]
    digest = digest_of(data)
    ref = refs.get("account", row.external_id)
    account = Account.objects.filter(pk=ref.object_id).first() if ref else _account_like(data)
    if account is not None and ref is not None and ref.digest == digest:
        row.outcome, row.object_id = Outcome.SKIPPED, account.pk
        return
    made = account is None
    values = {"name": data["name"], "domain": next(iter(data["domains"]), ""), **data.get("values", {})}
    if account is None:
        account = Account(**values)
        _clean(account)
        account.save()
        keep_moment(Account, account.pk, "created_at", moment(data.get("created_at")))
        open_ledgers([account])
        row.outcome = Outcome.CREATED
    else:
        # Of an account that this system brought in, everything; of one that was here, what is empty.
        brought = ref is not None and ref.made_by_id is not None
        had = ArrChange(account, account.arr, account.currency)
        row.outcome = Outcome.UPDATED if _fill(account, values, everything=brought) else Outcome.SKIPPED
        if (account.arr, account.currency) != (had.arr, had.currency):
            settle_arr(changes=[had], by=system_viewer(HISTORY))
    row.object_id = account.pk
    refs.put("account", row.external_id, account.pk, digest=digest, made=made)


def _account_like(data: dict[str, Any]) -> Account | None:
    """The account that is meant: by our external id, one of its domains, or its name."""
    known = data.get("values", {}).get("external_id")
    if known and (found := Account.objects.filter(external_id=known).first()):
        return found
    if data["domains"] and (
        found := Account.objects.filter(domain__in=data["domains"]).order_by("pk").first()
    ):
        return found
    return Account.objects.filter(name__iexact=data["name"]).order_by("pk").first()


_TYPED = {"name", "domain", "tier", "lifecycle", "arr", "currency", "seats", "timezone", "external_id"}


def _clean(account: Account) -> None:
    account.full_clean(exclude={one.name for one in account._meta.fields} - _TYPED)


def _fill(row: models.Model, values: dict[str, Any], *, everything: bool) -> bool:
    """Set columns that are empty, or all of them; returns whether any changed."""
    changed = []
    defaults = {field.attname: field.get_default() for field in row._meta.concrete_fields}
    for name, value in values.items():
        present = getattr(row, name)
        default = defaults[name]
        if value in (None, "") or present == value or not (everything or present in (None, "", default)):
            continue
        setattr(row, name, value)
        changed.append(name)
    if changed:
        if isinstance(row, Account):
            _clean(row)
        row.save(update_fields=changed)
    return bool(changed)


def write_staff(row: ImportRow, data: dict[str, Any], desk: Desk, refs: Refs) -> None:
    """Link a colleague by the address; who is not here becomes an inactive person who cannot log in."""
    row.external_id = row.external_id or data.get("email", "")
    known = refs.get("staff", row.external_id)
    if known is not None and User.objects.filter(pk=known.object_id).exists():
        row.outcome, row.object_id = Outcome.SKIPPED, known.object_id
        return
    user, made = author_like(desk, refs, row.external_id, data.get("email", ""), data.get("name", ""))
    row.outcome = Outcome.CREATED if made else Outcome.SKIPPED
    row.object_id = user.pk


def author_like(desk: Desk, refs: Refs, number: str, email: str, name: str) -> tuple[User, bool]:
    """Return the colleague of an address, or a new inactive one, and whether it is new."""
    address = (
        email.lower()
        or f"{desk.run.system}-{number}".replace(" ", "-").replace("@", "-")[:100] + f"@{NOWHERE}"
    )
    user = desk.staff.get(address)
    made = user is None
    if user is None:
        shown = one_line(name, 120) or email or f"{desk.run.system} {number}"
        user = User(email=address, name=shown, role=Role.AGENT, is_active=False, password=make_password(None))
        user.save()
        desk.staff[address] = user
    if number:
        refs.put("staff", number, user.pk, made=made)
    return user, made


def write_contact(row: ImportRow, data: dict[str, Any], desk: Desk, refs: Refs) -> None:
    """Create a contact with its addresses, or fill in what the one that is here lacks."""
    row.external_id = (row.external_id or data["id"])[:160]
    digest = digest_of(data)
    ref = refs.get("contact", row.external_id)
    contact = Contact.objects.filter(pk=ref.object_id).first() if ref else _contact_like(data)
    if contact is not None and (contact.erased_at or (ref is not None and ref.digest == digest)):
        row.outcome, row.object_id = Outcome.SKIPPED, contact.pk
        return
    made = contact is None
    values = {name: data.get(name, "") for name in ("name", "title", "role", "language", "timezone")}
    values["name"] = one_line(values["name"], 160)
    account_id = account_of(data, refs, next(iter(data.get("emails", ())), ""))
    if contact is None:
        contact = Contact.objects.create(account_id=account_id, **values)
        keep_moment(Contact, contact.pk, "created_at", moment(data.get("created_at")))
        row.outcome = Outcome.CREATED
    else:
        brought = ref is not None and ref.made_by_id is not None
        changed = _fill(contact, {**values, "account_id": account_id}, everything=brought)
        row.outcome = Outcome.UPDATED if changed else Outcome.SKIPPED
    if _add_identities(contact, data) and not made:
        row.outcome = Outcome.UPDATED
    row.object_id = contact.pk
    refs.put("contact", row.external_id, contact.pk, digest=digest, made=made)


def _contact_like(data: dict[str, Any]) -> Contact | None:
    addresses = [normalise_address(one) for one in data.get("emails", ())]
    found = (
        ContactIdentity.objects.filter(kind="email", value__in=addresses).select_related("contact").first()
    )
    return found.contact if found else None


def _add_identities(contact: Contact, data: dict[str, Any]) -> bool:
    """Add addresses and numbers that nobody has; returns whether any was added."""
    wanted = [("email", normalise_address(one)) for one in data.get("emails", ())]
    wanted += [("phone", one[:254]) for one in data.get("phones", ())]
    added = False
    for kind, value in wanted:
        _row, created = ContactIdentity.objects.get_or_create(
            kind=kind, value=value, defaults={"contact": contact}
        )
        added = added or created
    return added


def account_of(data: dict[str, Any], refs: Refs, email: str) -> int | None:
    """Return the account of a person or ticket: by its id over there, its name or domain, or the domain of the address."""
    ref = refs.get("account", data.get("account", ""))
    if ref is not None:
        return int(ref.object_id)
    name = data.get("account_name", "").strip()
    if name:
        named = models.Q(name__iexact=name) | models.Q(domain=name.lower())
        found = Account.objects.filter(named).order_by("pk").values_list("pk", flat=True).first()
        if found is None:
            with transaction.atomic():
                account = Account.objects.create(name=name[:160])
            refs.put("account", f"name:{name.lower()}"[:160], account.pk, made=True)
            found = account.pk
        return int(found)
    domain = company_domain(email) if email else ""
    return (
        Account.objects.filter(domain=domain).order_by("pk").values_list("pk", flat=True).first()
        if domain
        else None
    )


class People:
    """Finds, or makes, who is meant by the names of messages and tickets of one batch."""

    def __init__(self, desk: Desk, refs: Refs) -> None:
        self._desk, self._refs = desk, refs
        self._contacts: dict[int, Contact] = {}
        self._by_email: dict[str, Contact] = {}

    def load(self, names: Sequence[dict[str, str]]) -> None:
        """Read everybody named: a handful of queries."""
        ids = {one.get("id", "") for one in names}
        self._refs.load("contact", ids)
        self._refs.load("staff", ids)
        known = [ref.object_id for one in ids if (ref := self._refs.get("contact", one))]
        for contact in (
            Contact.objects.filter(pk__in=known).select_related("account").prefetch_related("identities")
        ):
            self._contacts[contact.pk] = contact
        emails = {one["email"].lower() for one in names if one.get("email")}
        rows = ContactIdentity.objects.filter(kind="email", value__in=emails - self._by_email.keys())
        for row in rows.select_related("contact__account").prefetch_related("contact__identities"):
            self._by_email[row.value] = row.contact

    def staff(self, name: dict[str, str]) -> User | None:
        """Return the colleague that is named, None when it is none."""
        ref = self._refs.get("staff", name.get("id", ""))
        if ref is not None:
            return next((one for one in self._desk.staff.values() if one.pk == ref.object_id), None)
        return self._desk.staff.get(name.get("email", "").lower()) if name.get("email") else None

    def known_contact(self, name: dict[str, str]) -> Contact | None:
        """Return the contact that is named, None when it is none."""
        ref = self._refs.get("contact", name.get("id", ""))
        if ref is not None:
            found = self._contacts.get(ref.object_id)
            if found is None:
                found = Contact.objects.filter(pk=ref.object_id).select_related("account").first()
            if found is not None:
                self._contacts[found.pk] = found
                return found
        return self._by_email.get(name.get("email", "").lower()) if name.get("email") else None

    def contact(self, name: dict[str, str], data: dict[str, Any]) -> Contact:
        """Return the contact that is named, made when nobody is it; a colleague who asks becomes a contact, too."""
        found = self.known_contact(name)
        if found is not None:
            return found
        colleague = self.staff(name)
        email = (name.get("email") or (colleague.email if colleague else "")).lower()
        if colleague is not None and email in self._by_email:
            return self._by_email[email]
        number = name.get("id") or email or f"name:{name.get('name', '').lower()}"[:160]
        if not name.get("id") and not email:
            again = self._refs.get("contact", number)
            if again is not None:
                return Contact.objects.select_related("account").get(pk=again.object_id)
        return self._make(name, data, email, number, colleague)

    def _make(
        self, name: dict[str, str], data: dict[str, Any], email: str, number: str, colleague: User | None
    ) -> Contact:
        identity = (
            ContactIdentity.objects.filter(kind="email", value=email)
            .select_related("contact__account")
            .first()
        )
        if identity is not None:
            self._by_email[email] = identity.contact
            return identity.contact
        shown = (
            name.get("name")
            or (colleague.name if colleague else "")
            or ("" if email else f"{self._desk.run.system} {number}")
        )
        contact = Contact.objects.create(
            name=one_line(shown, 160), account_id=account_of(data, self._refs, email)
        )
        if email:
            ContactIdentity.objects.create(contact=contact, kind="email", value=email)
            self._by_email[email] = contact
        self._contacts[contact.pk] = contact
        self._refs.put("contact", number, contact.pk, made=True)
        return contact

    def author(self, name: dict[str, str]) -> User:
        """Return the colleague who wrote; one that nobody knows becomes a named, inactive one."""
        found = self.staff(name)
        if found is not None:
            return found
        user, _made = author_like(
            self._desk, self._refs, name.get("id", ""), name.get("email", ""), name.get("name", "")
        )
        return user
