"""People at customers, beside the contacts of a CRM."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy

from customers.domains import normalise_address
from customers.events import CONTACT_CHANGED
from customers.models import Contact, ContactIdentity
from customers.services.save_contact import create_contact, update_contact
from customers.services.set_traits import set_contact_traits
from integrations.crm.contract import CONTACT
from integrations.crm.ours.base import TRAIT, OurObject, Values, traits_of
from integrations.crm.values import OurField, as_text, from_text
from people.viewer import Viewer

_ROLES = tuple(Contact._meta.get_field("role").flatchoices)


class OurContacts(OurObject):
    """People at customers."""

    key = CONTACT
    changed_verb = CONTACT_CHANGED.verb
    own_fields = {
        one.name: one
        for one in (
            OurField("id", gettext_lazy("Our id"), is_read_only=True),
            OurField("external_id", gettext_lazy("External id")),
            OurField("email", gettext_lazy("E-mail (says who is who)"), match_only=True),
            OurField("name", gettext_lazy("Name")),
            OurField("title", gettext_lazy("Title")),
            OurField("role", gettext_lazy("Role"), "choice", choices=_ROLES),
            OurField("timezone", gettext_lazy("Time zone")),
            OurField("language", gettext_lazy("Language")),
        )
    }

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Read contacts; erased ones are missing."""
        rows = Contact.objects.filter(pk__in=ids, erased_at=None).prefetch_related("identities")
        fields = self.fields
        return {row.pk: {name: _of_contact(one, row) for name, one in fields.items()} for row in rows}

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """The names."""
        return {row.pk: str(row) for row in Contact.objects.filter(pk__in=ids).prefetch_related("identities")}

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change a contact, its traits too."""
        contact = Contact.objects.get(pk=pk)
        if own := self._parsed(values):
            update_contact(contact=contact, values=own, by=by)
        if traits := traits_of(values):
            set_contact_traits(contact=contact, values=traits, by=by)

    def create(self, values: Values, *, known_as: str, account_id: int | None, by: Viewer) -> int:
        """Create one at its account."""
        parsed = self._parsed({name: value for name, value in values.items() if value and name != "email"})
        made = create_contact(
            values={"external_id": known_as, **parsed, "account_id": account_id},
            email=values.get("email", ""),
            by=by,
        )
        if traits := traits_of({name: value for name, value in values.items() if value}):
            set_contact_traits(contact=made, values=traits, by=by)
        return made.pk

    def find(self, remote_id: str, values: Values, source: str) -> int | None:
        """By our id in their record, by external id, by address; of a merged one whoever took it over."""
        people = Contact.objects.filter(erased_at=None)
        found: Contact | None = None
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            found = people.filter(pk=int(own)).first()
        known = {values.get("external_id", ""), f"{source}:{remote_id}"} - {""}
        found = found or people.filter(external_id__in=known).first()
        if found is None and values.get("email"):
            owner = ContactIdentity.objects.filter(kind="email", value=normalise_address(values["email"]))
            found = people.filter(pk__in=owner.values("contact")).first()
        return found.person.pk if found is not None else None

    def successor(self, pk: int) -> int:
        """Whoever took a merged contact over."""
        found = Contact.objects.filter(pk=pk).first()
        return found.person.pk if found is not None else pk

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Everybody at these accounts who was neither merged nor erased and has not left."""
        return Contact.objects.filter(
            account__in=linked_accounts or (), merged_into=None, erased_at=None, left_at=None
        ).order_by("pk")

    def _parsed(self, values: Values) -> dict[str, Any]:
        own = {name: text for name, text in values.items() if name in self.own_fields}
        return {name: from_text(self.own_fields[name], text) for name, text in own.items()}


def _of_contact(one: OurField, row: Contact) -> str:
    if one.name.startswith(TRAIT):
        return as_text(one, row.traits.get(one.name.removeprefix(TRAIT)))
    return as_text(one, getattr(row, one.name))
