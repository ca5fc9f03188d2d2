"""How accounts and contacts are told about on timelines."""

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.formatting import MISSING, money, plain
from customers.models import Account, Contact, RevenueMovement, SponsorChange
from customers.registry import TimelineSubject
from customers.traits import definitions
from people.viewer import Viewer

SHOWN_CHANGES = 4


class AccountSubject(TimelineSubject):
    """The account itself; its page need not name it."""

    key = "account"

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return no name for those the viewer may see."""
        if not viewer.can("customers.view"):
            return {}
        known = dict(Account.objects.filter(pk__in=ids).values_list("pk", "merged_into__name"))
        # One that was merged into this account is named.
        own = dict(
            Account.objects.filter(pk__in=[pk for pk, into in known.items() if into]).values_list(
                "pk", "name"
            )
        )
        return {pk: (own.get(pk, ""), "") for pk in known}

    def detail(self, verb: str, data: Mapping[str, Any]) -> str | None:
        """Say what was said, what changed, by how much."""
        if verb == "customers.revenue_moved":
            return _movement(data)
        return str(data.get("text") or data.get("product") or "")[:300] or changes_told(Account, data)


class ContactSubject(TimelineSubject):
    """A person."""

    key = "contact"

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return the people the viewer may see."""
        people = Contact.objects.visible_to(viewer).filter(pk__in=ids).prefetch_related("identities")
        return {contact.pk: (str(contact), reverse("contact", args=[contact.pk])) for contact in people}

    def detail(self, verb: str, data: Mapping[str, Any]) -> str | None:
        """Say what changed, or which address is new."""
        if verb == "customers.sponsor_change_decided":
            states = {str(value): str(label) for value, label in SponsorChange.State.choices}
            return states.get(str(data.get("state")), "")
        told = data.get("value") or data.get("status") or data.get("text")
        return str(told or "")[:300] or changes_told(Contact, data)


def changes_told(model: type[Account] | type[Contact], data: Mapping[str, Any]) -> str:
    """Say the first changed fields of an event's detail with old and new value."""
    changed = data.get("changed")
    if not isinstance(changed, dict):
        return ""
    return ", ".join(_change(model, name, pair) for name, pair in list(changed.items())[:SHOWN_CHANGES])


def _change(model: type[Account] | type[Contact], name: str, pair: Any) -> str:
    fields = {field.name: field for field in model._meta.fields}
    field = fields.get(name.removesuffix("_id"))
    label = str(field.verbose_name) if field is not None else _trait_label(model, name)
    if name.endswith("_id") or not isinstance(pair, list) or len(pair) != 2:
        return label
    choices = {str(value): str(text) for value, text in getattr(field, "flatchoices", ())}
    old, new = (choices.get(str(value)) or _value(value) for value in pair)
    return f"{label}: {old} → {new}"


def _trait_label(model: type[Account] | type[Contact], name: str) -> str:
    """The label of a trait, told as ``traits.<key>``; other names are their own."""
    known = definitions("account" if model is Account else "contact").get(name.removeprefix("traits."))
    return known.label if known is not None else name.removeprefix("traits.")


def _value(value: Any) -> str:
    """A stored value as people write it: moments as days, nothing as a dash."""
    if value in (None, ""):
        return MISSING
    moment = parse_datetime(value) if isinstance(value, str) and "T" in value else None
    return date_format(timezone.localtime(moment), "j M Y") if moment and moment.tzinfo else str(value)


def _movement(data: Mapping[str, Any]) -> str:
    kinds = {str(value): str(label) for value, label in RevenueMovement.Kind.choices}
    try:
        amount = Decimal(str(data.get("amount")))
    except InvalidOperation:
        return kinds.get(str(data.get("kind")), "")
    currency = str(data.get("currency") or "")
    shown = money(amount, currency, full=True) if currency else plain(amount)
    told = f"{kinds.get(str(data.get('kind')), '')} {'+' if amount > 0 else ''}{shown}".strip()
    return _("Correction: %(change)s") % {"change": told} if data.get("void_of") else told
