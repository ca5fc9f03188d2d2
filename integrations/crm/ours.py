"""The fields on this side: how each is read as text and written through the services of customers.

An object knows how to read many records, to change one, to create one, and to find which of ours a record of theirs is.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from customers.domains import FREE_MAIL, normalise_address
from customers.events import ACCOUNT_CHANGED, CONTACT_CHANGED, SUBSCRIPTION_SAVED
from customers.models import Account, Contact, ContactIdentity, Subscription
from customers.services.record_revenue import save_subscription
from customers.services.save_account import create_account, update_account
from customers.services.save_contact import create_contact, update_contact
from integrations.crm.contract import ACCOUNT, CONTACT, SUBSCRIPTION
from integrations.crm.values import OurField, as_text, from_text
from people.models import User
from people.viewer import Viewer

Values = Mapping[str, str]
_EVENTS_LOOKED_AT = 200
_ROLES = tuple(Contact._meta.get_field("role").flatchoices)


class OurObject:
    """One object of ours. ``key`` is that of the contract."""

    key = ""
    fields: Mapping[str, OurField]
    # The event whose detail names changed fields.
    changed_verb = ""

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Return the fields of records as text, in constant queries; what does not exist is missing."""
        raise NotImplementedError

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """Return what people call the records."""
        raise NotImplementedError

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change fields; raises ValidationError and ValueError."""
        raise NotImplementedError

    def create(self, values: Values, *, remote_id: str, account_id: int | None, by: Viewer) -> int:
        """Create a record and return its id; raises as ``set`` does."""
        raise NotImplementedError

    def find(self, remote_id: str, values: Values) -> int | None:
        """Return which of ours a record is, None when that is not certain."""
        raise NotImplementedError

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Return the QuerySet of our records that should be there, too, in the order of their ids."""
        raise NotImplementedError

    def last_changed_at(self, pk: int, name: str, *, except_source: str) -> datetime | None:
        """Return when a person or another program last changed the field, None when no event tells."""
        events = (
            Event.objects.filter(subject_kind=self.key, subject_id=pk, verb=self.changed_verb)
            .exclude(source=except_source)
            .select_related("detail")
            .order_by("-pk")[:_EVENTS_LOOKED_AT]
        )
        for event in events:
            changed = (event.detail.data or {}).get("changed") or {}
            if name in changed or f"{name}_id" in changed:
                return event.occurred_at
        return None


class OurAccounts(OurObject):
    """Customers."""

    key = ACCOUNT
    changed_verb = ACCOUNT_CHANGED.verb
    fields = {
        one.name: one
        for one in (
            OurField("id", gettext_lazy("Our id"), is_read_only=True),
            OurField("external_id", gettext_lazy("External id")),
            OurField("name", gettext_lazy("Name")),
            OurField("domain", gettext_lazy("Domain"), "domain"),
            OurField("tier", gettext_lazy("Tier"), "choice", choices=tuple(Account.Tier.choices)),
            OurField("lifecycle", gettext_lazy("Stage"), "choice", choices=tuple(Account.Lifecycle.choices)),
            OurField("arr", gettext_lazy("ARR"), "money"),
            OurField("currency", gettext_lazy("Currency")),
            OurField("seats", gettext_lazy("Seats"), "integer"),
            OurField("csm", gettext_lazy("CSM (e-mail)"), "person"),
            OurField("customer_since", gettext_lazy("Customer since"), "day"),
            OurField("renewal_on", gettext_lazy("Renewal"), "day"),
            OurField("timezone", gettext_lazy("Time zone")),
            OurField("next_step", gettext_lazy("Next step")),
            OurField("health_score", gettext_lazy("Health score"), "integer", is_read_only=True),
            OurField("health_band", gettext_lazy("Health band"), is_read_only=True),
            OurField("open_tickets", gettext_lazy("Open tickets"), "integer", is_read_only=True),
        )
    }

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Read accounts with their CSM."""
        rows = Account.objects.filter(pk__in=ids).select_related("csm")
        return {row.pk: {name: self._text(row, name) for name in self.fields} for row in rows}

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """The names."""
        return dict(Account.objects.filter(pk__in=ids).values_list("pk", "name"))

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change an account."""
        update_account(account=Account.objects.get(pk=pk), values=self._parsed(values), by=by)

    def create(self, values: Values, *, remote_id: str, account_id: int | None, by: Viewer) -> int:
        """Create one; without an external id of its own it keeps theirs, so that both sides know it."""
        parsed = self._parsed({name: value for name, value in values.items() if value})
        return create_account(values={"external_id": remote_id, **parsed}, by=by).pk

    def find(self, remote_id: str, values: Values) -> int | None:
        """By our id in their record, by external id, by a domain that one account has."""
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            return Account.objects.filter(pk=int(own)).values_list("pk", flat=True).first()
        known = {values.get("external_id", ""), remote_id} - {""}
        if found := Account.objects.filter(external_id__in=known).values_list("pk", flat=True).first():
            return found
        domain = values.get("domain", "").lower()
        if not domain or domain in FREE_MAIL:
            return None
        same = list(Account.objects.filter(domain=domain).values_list("pk", flat=True)[:2])
        return same[0] if len(same) == 1 else None

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Every customer that has not left."""
        return Account.objects.exclude(lifecycle=Account.Lifecycle.CHURNED).order_by("pk")

    def _text(self, row: Account, name: str) -> str:
        if name == "csm":
            return normalise_address(row.csm.email) if row.csm is not None else ""
        return as_text(self.fields[name], getattr(row, name))

    def _parsed(self, values: Values) -> dict[str, Any]:
        parsed = {name: from_text(self.fields[name], text) for name, text in values.items() if name != "csm"}
        if "csm" in values:
            parsed["csm_id"] = _colleague(values["csm"])
        return parsed


class OurContacts(OurObject):
    """People at customers."""

    key = CONTACT
    changed_verb = CONTACT_CHANGED.verb
    fields = {
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
        return {
            row.pk: {name: as_text(one, getattr(row, name)) for name, one in self.fields.items()}
            for row in rows
        }

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """The names."""
        return {row.pk: str(row) for row in Contact.objects.filter(pk__in=ids).prefetch_related("identities")}

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change a contact."""
        update_contact(contact=Contact.objects.get(pk=pk), values=self._parsed(values), by=by)

    def create(self, values: Values, *, remote_id: str, account_id: int | None, by: Viewer) -> int:
        """Create one at its account."""
        parsed = self._parsed({name: value for name, value in values.items() if value and name != "email"})
        made = create_contact(
            values={"external_id": remote_id, **parsed, "account_id": account_id},
            email=values.get("email", ""),
            by=by,
        )
        return made.pk

    def find(self, remote_id: str, values: Values) -> int | None:
        """By our id in their record, by external id, by address; of a merged one whoever took it over."""
        people = Contact.objects.filter(erased_at=None)
        found: Contact | None = None
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            found = people.filter(pk=int(own)).first()
        known = {values.get("external_id", ""), remote_id} - {""}
        found = found or people.filter(external_id__in=known).first()
        if found is None and values.get("email"):
            owner = ContactIdentity.objects.filter(kind="email", value=normalise_address(values["email"]))
            found = people.filter(pk__in=owner.values("contact")).first()
        return found.person.pk if found is not None else None

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Everybody at these accounts who was neither merged nor erased and has not left."""
        return Contact.objects.filter(
            account__in=linked_accounts or (), merged_into=None, erased_at=None, left_at=None
        ).order_by("pk")

    def _parsed(self, values: Values) -> dict[str, Any]:
        return {name: from_text(self.fields[name], text) for name, text in values.items()}


class OurSubscriptions(OurObject):
    """What customers have bought."""

    key = SUBSCRIPTION
    changed_verb = SUBSCRIPTION_SAVED.verb
    fields = {
        one.name: one
        for one in (
            OurField("id", gettext_lazy("Our id"), is_read_only=True),
            OurField("product", gettext_lazy("Product")),
            OurField("plan", gettext_lazy("Plan")),
            OurField("arr", gettext_lazy("ARR"), "money"),
            OurField("currency", gettext_lazy("Currency")),
            OurField("seats", gettext_lazy("Seats"), "integer"),
            OurField("starts_on", gettext_lazy("Start"), "day"),
            OurField("renews_on", gettext_lazy("Renewal"), "day"),
            OurField("ended_on", gettext_lazy("End"), "day"),
        )
    }

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Read subscriptions."""
        rows = Subscription.objects.filter(pk__in=ids)
        return {
            row.pk: {name: as_text(one, getattr(row, name)) for name, one in self.fields.items()}
            for row in rows
        }

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """Product and customer."""
        rows = Subscription.objects.filter(pk__in=ids).select_related("account")
        return {row.pk: f"{row.product} · {row.account.name}" for row in rows}

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change a subscription, and with it what follows from it."""
        row = Subscription.objects.select_related("account").get(pk=pk)
        if row.external_id is None:
            raise ValidationError(_("The subscription has no external id, by which it could be changed."))
        save_subscription(
            account=row.account, values={"external_id": row.external_id, **self._parsed(values)}, by=by
        )

    def create(self, values: Values, *, remote_id: str, account_id: int | None, by: Viewer) -> int:
        """Create one under their id."""
        if account_id is None:
            raise ValidationError(_("The deal belongs to no company that is known here."))
        account = Account.objects.get(pk=account_id)
        parsed = self._parsed({name: value for name, value in values.items() if value})
        parsed.setdefault("currency", account.currency)
        parsed.setdefault("arr", Decimal(0))
        parsed.setdefault("starts_on", timezone.now().date())
        return save_subscription(account=account, values={**parsed, "external_id": remote_id}, by=by).pk

    def find(self, remote_id: str, values: Values) -> int | None:
        """By our id in their record, or theirs here."""
        rows = Subscription.objects.all()
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            return rows.filter(pk=int(own)).values_list("pk", flat=True).first()
        return rows.filter(external_id=remote_id).values_list("pk", flat=True).first()

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """What these accounts have and has not ended."""
        return Subscription.objects.filter(account__in=linked_accounts or (), ended_on=None).order_by("pk")

    def last_changed_at(self, pk: int, name: str, *, except_source: str) -> datetime | None:
        """The last time that it was saved: events do not tell which field."""
        account = Subscription.objects.filter(pk=pk).values_list("account", flat=True).first()
        events = Event.objects.filter(
            subject_kind="account", subject_id=account or 0, verb=self.changed_verb
        ).exclude(source=except_source)
        for event in events.select_related("detail").order_by("-pk")[:_EVENTS_LOOKED_AT]:
            if (event.detail.data or {}).get("subscription") == pk:
                return event.occurred_at
        return None

    def _parsed(self, values: Values) -> dict[str, Any]:
        return {name: from_text(self.fields[name], text) for name, text in values.items()}


OURS: Mapping[str, OurObject] = {one.key: one for one in (OurAccounts(), OurContacts(), OurSubscriptions())}


def _colleague(address: str) -> int | None:
    if not address:
        return None
    found = User.objects.filter(email__iexact=address, is_active=True).values_list("pk", flat=True).first()
    if found is None:
        raise ValueError(_("no colleague has the address “%s”") % address[:80])
    return found
