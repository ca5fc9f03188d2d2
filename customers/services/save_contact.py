"""Create a contact, change one, give it another address, or find the one behind an address."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from customers.domains import company_domain, normalise_address
from customers.events import CONTACT_CHANGED, CONTACT_CREATED, IDENTITY_ADDED, IDENTITY_REMOVED
from customers.identities import Identity
from customers.models import Account, Contact, ContactIdentity
from customers.phone_numbers import e164
from customers.standing import standing_ids
from people.viewer import Viewer

_ANY_ADDRESS = re.compile(r"(?=.{3,254}$)[^@\s]+@[^@\s]+")
LONGEST_IDENTITY = 254
EDITABLE = (
    "account_id",
    "external_id",
    "name",
    "title",
    "role",
    "timezone",
    "language",
    "left_at",
    "influence",
    "stance",
)
# Written by the product and nullable; their absence is no mistake of the one who fills the form in.
NOT_TYPED = ("merged_into", "left_at", "last_seen_at", "erased_at")


@transaction.atomic
def create_contact(*, values: Mapping[str, Any], by: Viewer, email: str = "") -> Contact:
    """Create a contact (keys of EDITABLE) with an optional first address; raises ValidationError naming the field."""
    by.require("customers.edit")
    contact = Contact(**_known(values))
    contact.full_clean(exclude=NOT_TYPED)
    contact.save()
    if email:
        _add_identity(contact, "email", email)
    CONTACT_CREATED.record(by=by, **_created(contact))
    return contact


@transaction.atomic
def update_contact(*, contact: Contact, values: Mapping[str, Any], by: Viewer) -> Contact:
    """Change fields of EDITABLE; raises ValidationError naming the field."""
    by.require("customers.edit")
    contact = Contact.objects.select_for_update().get(pk=contact.pk)
    _refuse_erased(contact)
    before = {name: getattr(contact, name) for name in _known(values)}
    for name, value in _known(values).items():
        setattr(contact, name, value)
    contact.full_clean(exclude=NOT_TYPED)
    changed = {
        name: [old, getattr(contact, name)] for name, old in before.items() if getattr(contact, name) != old
    }
    if changed:
        contact.save(update_fields=list(changed))
        CONTACT_CHANGED.record(
            by=by, subject_id=contact.pk, account_id=contact.account_id, detail={"changed": changed}
        )
    return contact


@transaction.atomic
def add_identity(*, contact: Contact, kind: str, value: str, by: Viewer) -> ContactIdentity:
    """Give a contact another address or handle; raises ValidationError when it is malformed or somebody else's."""
    by.require("customers.edit")
    _refuse_erased(Contact.objects.get(pk=contact.pk))
    identity = _add_identity(contact, kind, value)
    IDENTITY_ADDED.record(
        by=by,
        subject_id=contact.pk,
        account_id=contact.account_id,
        detail={"kind": kind, "value": identity.value},
    )
    return identity


@transaction.atomic
def remove_identity(*, identity: ContactIdentity, by: Viewer) -> None:
    """Take an address or handle away from a contact: who writes from it is somebody new from then on.

    Raises ValidationError for the last one, without which nobody could be answered.
    """
    by.require("customers.edit")
    contact = Contact.objects.select_for_update().get(pk=identity.contact_id)
    _refuse_erased(contact)
    known = list(ContactIdentity.objects.filter(contact=contact).values_list("pk", flat=True))
    if identity.pk not in known:
        return
    if len(known) == 1:
        raise ValidationError({"value": _("This is the only address: add another one first.")})
    ContactIdentity.objects.filter(pk=identity.pk).delete()
    IDENTITY_REMOVED.record(
        by=by,
        subject_id=contact.pk,
        account_id=contact.account_id,
        detail={"kind": identity.kind, "value": identity.value},
    )


@transaction.atomic
def verify_contact(*, contact: Contact, by: Viewer) -> None:
    """Note that a contact has proven its address; does nothing where that is known."""
    changed = Contact.objects.filter(pk=contact.pk, is_verified=False).update(is_verified=True)
    contact.is_verified = True
    if changed:
        CONTACT_CHANGED.record(
            by=by,
            subject_id=contact.pk,
            account_id=contact.account_id,
            detail={"changed": {"is_verified": [False, True]}},
        )


def identify_contact(*, identity: Identity, by: Viewer, name: str = "", verified: bool = True) -> Contact:
    """Return the contact whom a channel knows by ``identity``, created when nobody is; a mail address decides the account.

    Anyone who may open a ticket may do this, and so may the customer itself (``by.kind`` "contact"). A missing name is
    filled in. A mail address is taken as a channel saw it: mail also comes from hosts without a dot. Raises ValidationError
    for what is no address at all, and IntegrityError when somebody else adds it at the same moment.
    """
    return identify_contacts(writers=[Writer(identity, name, verified)], by=by)[0]


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who wrote: as the channel knows them, by the name they gave, and whether the address is proven to be theirs."""

    identity: Identity
    name: str = ""
    verified: bool = True


def identify_contacts(*, writers: Sequence[Writer], by: Viewer) -> list[Contact]:
    """Do for several people, in their order, what ``identify_contact`` does for one, with as many queries.

    Who is named twice is the same contact. Contacts come with account and identities. Raises what ``identify_contact`` raises.
    """
    if not (by.can("tickets.create") or by.can("customers.edit") or by.kind == "contact"):
        raise PermissionDenied(_("You may not add contacts."))
    found = _who_have({writer.identity for writer in writers})
    strangers: dict[Identity, Writer] = {}
    for writer in writers:
        known = found.get(writer.identity)
        if known is None:
            first = strangers.setdefault(writer.identity, writer)
            if writer.name and not first.name:
                strangers[writer.identity] = replace(first, name=writer.name)
        elif writer.name and not known.name:
            Contact.objects.filter(pk=known.pk, name="").update(name=writer.name[:160])
            known.name = writer.name[:160]
    for identity in strangers:
        _refuse_no_address(identity)
    if strangers:
        found |= _new_contacts(list(strangers.values()), by)
    return [found[writer.identity] for writer in writers]


def _refuse_no_address(identity: Identity) -> None:
    if identity.kind == "email" and not _ANY_ADDRESS.fullmatch(identity.value):
        raise ValidationError({"email": _("This is no e-mail address.")})
    if not 0 < len(identity.value) <= LONGEST_IDENTITY:
        raise ValidationError({identity.kind: _("This is no address of a person.")})


def _who_have(identities: Collection[Identity]) -> dict[Identity, Contact]:
    """Return whom the identities belong to, with account and identities, which are wanted next: one query."""
    asked = Q(pk=None)
    for kind in sorted({identity.kind for identity in identities}):
        values = sorted(identity.value for identity in identities if identity.kind == kind)
        asked |= Q(kind=kind, value__in=values)
    known = ContactIdentity.objects.filter(asked).order_by().values("contact")
    rows = ContactIdentity.objects.filter(contact__in=known).select_related("contact__account")
    contacts: dict[int, Contact] = {}
    theirs: dict[int, list[ContactIdentity]] = {}
    for row in rows:
        row.contact = contacts.setdefault(row.contact_id, row.contact)
        theirs.setdefault(row.contact_id, []).append(row)
    for pk, contact in contacts.items():
        _remember_identities(contact, theirs[pk])
    by_identity = {Identity(row.kind, row.value): row.contact for row in rows}
    return {one: by_identity[one] for one in identities if one in by_identity}


def _remember_identities(contact: Contact, identities: Sequence[ContactIdentity]) -> None:
    """Let ``contact.identities.all()`` answer without a query, as prefetching does."""
    remembered = contact.identities.all()
    remembered._result_cache = list(identities)
    contact._prefetched_objects_cache = {"identities": remembered}  # type: ignore[attr-defined]


@transaction.atomic
def _new_contacts(writers: Sequence[Writer], by: Viewer) -> dict[Identity, Contact]:
    domains = {
        writer.identity: company_domain(writer.identity.value)
        for writer in writers
        if writer.identity.kind == "email"
    }
    wanted = sorted(set(domains.values()) - {""})
    # The oldest account of a domain comes last.
    accounts = Account.objects.filter(domain__in=wanted).order_by("-pk") if wanted else ()
    of_domain = {account.domain: account for account in accounts}
    if any(account.merged_into_id for account in of_domain.values()):
        standing = standing_ids(account.pk for account in of_domain.values())
        rows_of = Account.objects.in_bulk(set(standing.values()))
        of_domain = {domain: rows_of[standing[account.pk]] for domain, account in of_domain.items()}
    contacts = Contact.objects.bulk_create(
        [
            Contact(
                account=of_domain.get(domains.get(writer.identity, "")),
                # Whoever has neither a name nor a mail address is called by the number or handle.
                name=(writer.name or ("" if writer.identity.kind == "email" else writer.identity.words))[
                    :160
                ],
                is_verified=writer.verified,
            )
            for writer in writers
        ]
    )
    rows = [
        ContactIdentity(contact=contact, kind=writer.identity.kind, value=writer.identity.value)
        for contact, writer in zip(contacts, writers, strict=True)
    ]
    # In one order, so that two who add the same people wait for each other once and not in a circle.
    ContactIdentity.objects.bulk_create(sorted(rows, key=lambda row: (row.kind, row.value)))
    for row in rows:
        _remember_identities(row.contact, [row])
    CONTACT_CREATED.record_many(by=by, rows=[_created(contact) for contact in contacts])
    return {writer.identity: contact for contact, writer in zip(contacts, writers, strict=True)}


def _refuse_erased(contact: Contact) -> None:
    if contact.erased_at is not None:
        raise ValidationError(_("This person was erased: what comes now belongs to a new contact."))


def _created(contact: Contact) -> dict[str, Any]:
    """What CONTACT_CREATED tells."""
    return {"subject_id": contact.pk, "account_id": contact.account_id, "detail": {"name": contact.name}}


def _add_identity(contact: Contact, kind: str, value: str) -> ContactIdentity:
    value = normalise_address(value) if kind == "email" else value.strip()
    if kind == "phone":
        value = e164(value)
        if not value:
            raise ValidationError(
                {"value": _("This is no telephone number. Begin it with + and the country code.")}
            )
    if kind == "email":
        try:
            validate_email(value)
        except ValidationError as error:
            raise ValidationError({"email": error.messages}) from error
    taken = ContactIdentity.objects.filter(kind=kind, value=value).first()
    if taken is not None and taken.contact_id == contact.pk:
        return taken
    if taken is not None:
        raise ValidationError({kind: _("This address belongs to another contact.")})
    identity = ContactIdentity(contact=contact, kind=kind, value=value)
    identity.full_clean()
    identity.save()
    return identity


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise TypeError(f"not fields of a contact: {', '.join(unknown)}")
    known = dict(values)
    if "external_id" in known:
        # Unique, so that an empty one is stored as NULL.
        known["external_id"] = (known["external_id"] or "").strip() or None
    return known
