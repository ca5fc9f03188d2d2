"""Whether a record can be written, and what its words mean here: the same for the dry run and for the run itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.registry import Label
from customers.models import Account, Contact
from imports.models import Import
from imports.neutral import KINDS, Unreadable
from imports.registry import importers
from people.models import Team, User
from people.viewer import system_viewer
from tickets.custom_fields import Value, parse_value
from tickets.models import CustomField, Inbox, Status, Ticket, TicketType
from tickets.tag_names import tag_name

NAMES = {
    "account": gettext_lazy("Customer"),
    "staff": gettext_lazy("Colleague"),
    "contact": gettext_lazy("Contact"),
    "ticket": gettext_lazy("Ticket"),
    "message": gettext_lazy("Message"),
    "mail": gettext_lazy("Mail"),
    "": gettext_lazy("Unknown"),
}


@dataclass
class Desk:
    """What the mapping of an import points to here, read once for a slice."""

    run: Import
    notes: list[str] = field(default_factory=list)

    @cached_property
    def mapping(self) -> Mapping[str, Mapping[str, str]]:
        """The mapping."""
        found: Mapping[str, Mapping[str, str]] = self.run.mapping
        return found

    @cached_property
    def statuses(self) -> dict[str, Status]:
        """Every status by its key."""
        return {one.pk: one for one in Status.objects.all()}

    @cached_property
    def types(self) -> dict[str, TicketType]:
        """Every type by its id, as mappings name it."""
        return {str(one.pk): one for one in TicketType.objects.all()}

    @cached_property
    def teams(self) -> dict[str, Team]:
        """Every team by its id, as mappings name it."""
        return {str(one.pk): one for one in Team.objects.all()}

    @cached_property
    def fields(self) -> dict[str, CustomField]:
        """Every custom field by its key."""
        return {one.key: one for one in CustomField.objects.all()}

    @cached_property
    def inbox(self) -> Inbox | None:
        """The inbox that tickets belong to."""
        return Inbox.objects.filter(pk=self.run.options.get("inbox") or 0).first()

    @cached_property
    def staff(self) -> dict[str, User]:
        """Colleagues by address."""
        return {one.email.lower(): one for one in User.objects.all()}

    @cached_property
    def is_table(self) -> bool:
        """Whether the source is a table, whose columns name our own fields."""
        return importers.get(self.run.source).is_table

    def convert(self, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stored record in the neutral form, checked. Raises Unreadable."""
        if kind not in KINDS:
            raise Unreadable(_("It is of no known kind."))
        found = dict(importers.get(self.run.source).convert(kind, data, self.mapping))
        _CHECKS[kind](self, found)
        return found

    def status_of(self, data: Mapping[str, Any]) -> Status:
        """Return our status of a ticket; a source that says none means open. Raises Unreadable."""
        theirs = data.get("status", "")
        if not theirs:
            return self.statuses["open"]
        found = self.statuses.get(self.mapping.get("status", {}).get(theirs, ""))
        if found is None:
            raise Unreadable(_("The status “%s” is not mapped.") % theirs)
        return found

    def priority_of(self, data: Mapping[str, Any]) -> str:
        """Return our priority; a source that says none means normal. Raises Unreadable."""
        theirs = data.get("priority", "")
        found = self.mapping.get("priority", {}).get(theirs, "") if theirs else str(Ticket.Priority.NORMAL)
        if found not in Ticket.Priority.values:
            raise Unreadable(_("The priority “%s” is not mapped.") % theirs)
        return str(found)

    def values_of(self, data: Mapping[str, Any], notes: list[str]) -> list[tuple[CustomField, Value]]:
        """Return the values of our fields; one that does not fit is left out and said in ``notes``."""
        found: list[tuple[CustomField, Value]] = []
        for theirs, value in data.get("fields", {}).items():
            key = theirs if self.is_table else self.mapping.get("field", {}).get(theirs, "")
            ours = self.fields.get(key)
            if ours is None or ours.kind == CustomField.Kind.REFERENCE:
                continue
            try:
                parsed = parse_value(ours, value, system_viewer("import"))
            except ValidationError as error:
                notes.append(f"{ours.label}: {' '.join(error.messages)}")
                continue
            if parsed is not None:
                found.append((ours, parsed))
        return found


def tags_of(data: Mapping[str, Any], notes: list[str]) -> list[str]:
    """Return the names of the tags as we write them; what can be none is said in ``notes``."""
    found = []
    for one in data.get("tags", ()):
        try:
            found.append(tag_name(one.replace(",", " ")))
        except ValidationError as error:
            notes.append(f"{one[:40]}: {' '.join(error.messages)}")
    return list(dict.fromkeys(found))


def moment(text: str | None) -> datetime | None:
    """Return a moment of the neutral form; none for none, and none that lies ahead."""
    return min(datetime.fromisoformat(text), timezone.now()) if text else None


def _address(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError:
        raise Unreadable(_("“%s” is no e-mail address.") % address[:80]) from None
    return address.strip().lower()


def _check_account(desk: Desk, data: dict[str, Any]) -> None:
    data["name"] = str(data.get("name") or "").strip()[:160]
    if not data["name"]:
        raise Unreadable(_("The company has no name."))
    data["domains"] = [
        one.strip().lower().removeprefix("@")[:253] for one in data.get("domains", ()) if one.strip()
    ]
    values = data["values"] = dict(data.get("values", {}))
    for key, check in _ACCOUNT_VALUES.items():
        if key in values:
            values[key] = check(desk, str(values[key]))
    if "csm" in values:
        values["csm_id"] = values.pop("csm")


def _choice(choices: Any, label: Label) -> Any:
    def check(desk: Desk, text: str) -> str:
        wanted = text.strip().lower()
        for value, name in choices:
            if wanted in (str(value), str(name).lower()):
                return str(value)
        raise Unreadable(_("%(column)s: “%(value)s” is not known.") % {"column": label, "value": text[:60]})

    return check


def _money(desk: Desk, text: str) -> Decimal:
    plain = text.strip().replace("\u00a0", "").replace(" ", "").lstrip("€$£")
    # 1.234,50 and 1,234.50: the last mark is the point, unless three digits follow the only one.
    if "," in plain and plain.rfind(",") > plain.rfind("."):
        whole = plain.count(",") == 1 and len(plain.rpartition(",")[2]) == 3 and "." not in plain
        plain = plain.replace(",", "") if whole else plain.replace(".", "").replace(",", ".")
    else:
        plain = plain.replace(",", "")
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise Unreadable(_("“%s” is no amount.") % text[:40]) from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
        raise Unreadable(_("“%s” is no amount.") % text[:40])
    return amount.quantize(Decimal("0.01"))


def _count(desk: Desk, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text.strip()) < 10):
        raise Unreadable(_("“%s” is no number.") % text[:40])
    return int(text)


def _day(desk: Desk, text: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise Unreadable(_("“%s” is no date like 2026-03-31.") % text[:40]) from None


def _zone(desk: Desk, text: str) -> str:
    if text.strip() not in available_timezones():
        raise Unreadable(_("The time zone “%s” is not known.") % text[:60])
    return text.strip()


def _csm(desk: Desk, text: str) -> int:
    found = desk.staff.get(text.strip().lower())
    if found is None:
        raise Unreadable(_("Nobody here has the address “%s”.") % text[:80])
    return int(found.pk)


def _currency(desk: Desk, text: str) -> str:
    code = text.strip().upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Unreadable(_("“%s” is no currency like EUR.") % text[:20])
    return code


_ACCOUNT_VALUES = {
    "tier": _choice(Account.Tier.choices, gettext_lazy("Tier")),
    "lifecycle": _choice(Account.Lifecycle.choices, gettext_lazy("Stage")),
    "arr": _money,
    "currency": _currency,
    "seats": _count,
    "customer_since": _day,
    "renewal_on": _day,
    "timezone": _zone,
    "csm": _csm,
}


def _check_staff(desk: Desk, data: dict[str, Any]) -> None:
    if data.get("email"):
        data["email"] = _address(data["email"])
    if not data.get("email") and not data.get("name"):
        raise Unreadable(_("The colleague has neither name nor address."))


def _check_contact(desk: Desk, data: dict[str, Any]) -> None:
    data["emails"] = list(dict.fromkeys(_address(one) for one in data.get("emails", ())))
    if data.get("timezone") and data["timezone"] not in available_timezones():
        data["timezone"] = ""
    if data.get("role"):
        data["role"] = _choice(Contact._meta.get_field("role").choices, _("Role"))(desk, data["role"])
    if not data.get("name") and not data["emails"] and not data.get("phones"):
        raise Unreadable(_("The person has neither name nor address."))


def _check_ticket(desk: Desk, data: dict[str, Any]) -> None:
    requester = data.get("requester") or {}
    if requester.get("email"):
        requester["email"] = _address(requester["email"])
    if not any(requester.get(key) for key in ("id", "email", "name")):
        raise Unreadable(_("The ticket has no requester."))
    desk.status_of(data)
    desk.priority_of(data)


def _check_message(desk: Desk, data: dict[str, Any]) -> None:
    if not data.get("at"):
        raise Unreadable(_("The message has no date."))


def _check_mail(desk: Desk, data: dict[str, Any]) -> None:
    if desk.inbox is None:
        raise Unreadable(_("The inbox is gone."))


_CHECKS = {
    "account": _check_account, "staff": _check_staff, "contact": _check_contact, "ticket": _check_ticket,
    "message": _check_message, "mail": _check_mail,
}  # fmt: skip
