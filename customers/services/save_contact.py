"""Create a contact, change one, give it another address, or find the one behind an address."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from customers.domains import company_domain, normalise_address
from customers.events import CONTACT_CHANGED, CONTACT_CREATED, IDENTITY_ADDED, IDENTITY_REMOVED
from customers.identities import Identity
from customers.models import Account, Contact, ContactIdentity
from customers.phone_numbers import e164
from people.viewer import Viewer

_ANY_ADDRESS = re.compile(r"(?=.{3,254}$)[^@\s]+@[^@\s]+")
LONGEST_IDENTITY = 254
EDITABLE = ("account_id", "external_id", "name", "title", "role", "timezone", "language", "left_at")
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
    _record_created(contact, by)
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
    if not (by.can("tickets.create") or by.can("customers.edit") or by.kind == "contact"):
        raise PermissionDenied(_("You may not add contacts."))
    contact = _who_has(identity)
    if contact is not None:
        if name and not contact.name:
            Contact.objects.filter(pk=contact.pk, name="").update(name=name[:160])
            contact.name = name[:160]
        return contact
    if identity.kind == "email" and not _ANY_ADDRESS.fullmatch(identity.value):
        raise ValidationError({"email": _("This is no e-mail address.")})
    if not 0 < len(identity.value) <= LONGEST_IDENTITY:
        raise ValidationError({identity.kind: _("This is no address of a person.")})
    return _new_contact(identity, name, verified, by)


def _who_has(identity: Identity) -> Contact | None:
    """Return the contact of an identity with account and identities, which are wanted next: one query."""
    known = ContactIdentity.objects.filter(kind=identity.kind, value=identity.value).values("contact")
    identities = ContactIdentity.objects.filter(contact__in=known).select_related("contact__account")
    if not identities:
        return None
    contact = identities[0].contact
    contact._prefetched_objects_cache = {"identities": identities}  # type: ignore[attr-defined]
    return contact


@transaction.atomic
def _new_contact(identity: Identity, name: str, verified: bool, by: Viewer) -> Contact:
    domain = company_domain(identity.value) if identity.kind == "email" else ""
    account = Account.objects.filter(domain=domain).order_by("pk").first() if domain else None
    # Whoever has neither a name nor a mail address is called by the number or handle.
    known_as = name or ("" if identity.kind == "email" else identity.words)
    contact = Contact.objects.create(account=account, name=known_as[:160], is_verified=verified)
    ContactIdentity.objects.create(contact=contact, kind=identity.kind, value=identity.value)
    _record_created(contact, by)
    return contact


def _refuse_erased(contact: Contact) -> None:
    if contact.erased_at is not None:
        raise ValidationError(_("This person was erased: what comes now belongs to a new contact."))


def _record_created(contact: Contact, by: Viewer) -> None:
    CONTACT_CREATED.record(
        by=by, subject_id=contact.pk, account_id=contact.account_id, detail={"name": contact.name}
    )


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
