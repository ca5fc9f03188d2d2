"""Take a batch of product usage events, Segment-shaped, with one verdict per item.

Every lookup is one query per batch, whatever its size. An item that cannot be placed in an account is rejected and not
stored, so that it can be sent again under the same ``messageId`` once the account exists.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from customers.domains import company_domain, normalise_address
from customers.events import CONTACT_CREATED
from customers.models import Account, Contact, ContactIdentity, DirtyUsageDay, UsageEvent
from people.viewer import Viewer

MAX_ITEMS = 2500
MAX_ITEM_BYTES = 32 * 1024
MAX_TEXT = 120
FUTURE = timedelta(minutes=10)
# Days are rolled up from raw events, and those are kept for 90 days: an older event would wipe the day's other events out.
OLDEST = timedelta(days=89)
SOURCE = "api"
KINDS = ("track", "identify", "group")
# NUL as JSON writes it: PostgreSQL stores it neither as text nor as JSON.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True)
class Verdict:
    """What became of one item: ``accepted``, ``duplicate`` or ``rejected`` with a machine-readable ``reason``."""

    message_id: str
    status: str
    reason: str = ""


@dataclass
class _Item:
    """One item read but not yet placed."""

    message_id: str
    kind: str
    name: str
    user_key: str
    email: str
    group: str
    occurred_at: datetime
    payload: dict[str, Any]
    person: str = ""
    account_id: int | None = None
    contact_id: int | None = None


@dataclass
class _Places:
    """What the batch's identifiers lead to."""

    accounts: dict[str, int] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    contacts: dict[tuple[str, str], Contact] = field(default_factory=dict)


def ingest_usage(
    *, items: Sequence[Any], by: Viewer, sent_at: datetime | None = None, received_at: datetime | None = None
) -> list[Verdict]:
    """Store the items and mark the days they touch; returns a verdict per item, in order.

    An item's account is the one whose external id is ``groupId``, else the account of the contact with its ``userId`` or
    e-mail address, else the account of the address's domain (free mail excepted). ``occurred_at`` is the item's
    timestamp corrected by the sender's clock error (received - sentAt); more than ten minutes ahead becomes now.
    """
    by.require("usage.write")
    now = received_at or timezone.now()
    skew = now - sent_at if sent_at is not None else timedelta(0)
    read = [_read(item, now, skew) for item in items]
    for _attempt in range(2):
        try:
            with transaction.atomic():
                return _take(read, by, now)
        except IntegrityError:
            # Another batch added the same person at the same moment: now it can be found.
            continue
    with transaction.atomic():
        return _take(read, by, now)


def _take(read: "Sequence[_Item | Verdict]", by: Viewer, now: datetime) -> list[Verdict]:
    """Place and store what has not been taken before, in the caller's transaction."""
    parsed = [entry for entry in read if isinstance(entry, _Item)]
    known = set(
        UsageEvent.objects.filter(
            source=SOURCE, message_id__in={item.message_id for item in parsed}
        ).values_list("message_id", flat=True)
    )
    fresh: dict[str, _Item] = {}
    for item in parsed:
        if item.message_id not in known:
            fresh.setdefault(item.message_id, item)
    places = _find_places(fresh.values())
    for item in fresh.values():
        _place(item, places)
    placed = {key: item for key, item in fresh.items() if item.account_id is not None}
    _learn_people(placed.values(), places, by)
    _store(placed.values(), now)
    return [_verdict(entry, known, fresh, placed) for entry in read]


def _verdict(
    entry: "_Item | Verdict", known: set[str], fresh: Mapping[str, _Item], placed: Mapping[str, _Item]
) -> Verdict:
    if isinstance(entry, Verdict):
        return entry
    if entry.message_id in known or fresh[entry.message_id] is not entry:
        return Verdict(entry.message_id, "duplicate")
    if entry.message_id not in placed:
        return Verdict(entry.message_id, "rejected", "unknown_account")
    return Verdict(entry.message_id, "accepted")


def _read(item: Any, now: datetime, skew: timedelta) -> "_Item | Verdict":
    """Check one item's form; returns it or its rejection."""
    if not isinstance(item, dict):
        return Verdict("", "rejected", "not_an_object")
    message_id = item.get("messageId")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_TEXT:
        return Verdict(_writable(str(message_id or ""))[:MAX_TEXT], "rejected", "bad_message_id")
    reason = _fault(item)
    if reason:
        return Verdict(_writable(message_id), "rejected", reason)
    moment = _moment(item.get("timestamp"), now - skew)
    if moment is None:
        return Verdict(message_id, "rejected", "bad_timestamp")
    try:
        occurred_at = moment + skew
    except OverflowError:
        return Verdict(message_id, "rejected", "bad_timestamp")
    if occurred_at > now + FUTURE:
        occurred_at = now
    if occurred_at < now - OLDEST:
        return Verdict(message_id, "rejected", "too_old")
    properties = item.get("traits") or item.get("properties") or {}
    context = _mapping(item.get("context"))
    traits = _mapping(context.get("traits"))
    user_key = str(item.get("userId") or item.get("anonymousId") or "")[:MAX_TEXT]
    email = str(properties.get("email") or traits.get("email") or "")
    if not email and "@" in user_key:
        email = user_key
    return _Item(
        message_id=message_id,
        kind=item["type"],
        name=str(item.get("event") or "").strip()[:MAX_TEXT],
        user_key=user_key,
        email=normalise_address(email)[:254],
        group=str(item.get("groupId") or context.get("groupId") or "")[:MAX_TEXT],
        occurred_at=occurred_at,
        payload={"properties": properties} if properties else {},
        person=str(properties.get("name") or "")[:160] if item["type"] == "identify" else "",
    )


def _fault(item: dict[str, Any]) -> str:
    """Name what is wrong with an item's fields; empty when nothing is."""
    if item.get("type") not in KINDS:
        return "unknown_type"
    text = json.dumps(item, ensure_ascii=False)
    if _writable(text) != text or _NUL.search(text):
        return "bad_text"
    if len(text.encode()) > MAX_ITEM_BYTES:
        return "too_large"
    if item["type"] == "track" and not str(item.get("event") or "").strip():
        return "no_event"
    if not any(item.get(name) for name in ("userId", "anonymousId", "groupId")):
        return "no_identity"
    if not all(isinstance(item.get(name) or {}, dict) for name in ("properties", "traits")):
        return "bad_properties"
    return ""


def _writable(text: str) -> str:
    """Replace what is no Unicode text (a lone surrogate, which JSON can spell) by question marks."""
    return text.encode("utf-8", "replace").decode()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: Any, default: datetime) -> datetime | None:
    """Parse an ISO timestamp; a naive one is UTC, a missing one is ``default``."""
    if value in (None, ""):
        return default
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _find_places(items: Iterable[_Item]) -> _Places:
    """Look the batch's groups, people and domains up, one query each."""
    items = list(items)
    groups = {item.group for item in items if item.group}
    domains = {company_domain(item.email) for item in items} - {""}
    values = {item.user_key for item in items} | {item.email for item in items}
    identities = ContactIdentity.objects.filter(kind__in=["email", "user"], value__in=values - {""})
    accounts = Account.objects.filter(external_id__in=groups).only("pk", "external_id") if groups else []
    # Of several accounts with one domain the oldest counts.
    companies = (
        Account.objects.filter(domain__in=domains).order_by("-pk").only("pk", "domain") if domains else []
    )
    return _Places(
        accounts={account.external_id or "": account.pk for account in accounts},
        domains={account.domain: account.pk for account in companies},
        contacts={(row.kind, row.value): row.contact for row in identities.select_related("contact")},
    )


def _place(item: _Item, places: _Places) -> None:
    contact = places.contacts.get(("user", item.user_key)) or places.contacts.get(("email", item.email))
    item.contact_id = contact.pk if contact else None
    item.account_id = places.accounts.get(item.group)
    # A group that is named but unknown must not fall to another account by a person who belongs to several.
    if item.account_id is None and not item.group:
        item.account_id = (contact.account_id if contact else None) or places.domains.get(
            company_domain(item.email)
        )


def _learn_people(items: Iterable[_Item], places: _Places, by: Viewer) -> None:
    """Let ``identify`` add people it names by address, and tie user ids to contacts known by address."""
    identified = {item.email: item for item in items if item.kind == "identify" and item.email}
    unknown = {email: item for email, item in identified.items() if ("email", email) not in places.contacts}
    if unknown:
        created = Contact.objects.bulk_create(
            [Contact(account_id=item.account_id, name=item.person) for item in unknown.values()]
        )
        for (email, item), contact in zip(unknown.items(), created, strict=True):
            places.contacts["email", email] = contact
            item.contact_id = contact.pk
        CONTACT_CREATED.record_many(
            by=by,
            rows=[
                {"subject_id": contact.pk, "account_id": contact.account_id, "detail": {"name": contact.name}}
                for contact in created
            ],
        )
        # Conflicts are not ignored here: they would leave a contact without its address.
        ContactIdentity.objects.bulk_create(
            [
                ContactIdentity(contact=places.contacts["email", email], kind="email", value=email)
                for email in unknown
            ]
        )
    rows = [
        ContactIdentity(contact=places.contacts["email", email], kind="user", value=item.user_key)
        for email, item in identified.items()
        if item.user_key and item.user_key != email and ("user", item.user_key) not in places.contacts
    ]
    if rows:
        ContactIdentity.objects.bulk_create(rows, ignore_conflicts=True)


def _store(items: Iterable[_Item], now: datetime) -> None:
    """Insert the raw events and mark their account-days."""
    items = list(items)
    UsageEvent.objects.bulk_create(
        [
            UsageEvent(
                source=SOURCE,
                message_id=item.message_id,
                kind=item.kind,
                name=item.name,
                account_id=item.account_id,
                contact_id=item.contact_id,
                user_key=item.user_key,
                occurred_at=item.occurred_at,
                received_at=now,
                payload=item.payload,
            )
            for item in items
        ],
        ignore_conflicts=True,
    )
    days = {
        (item.account_id, item.occurred_at.astimezone(UTC).date())
        for item in items
        if item.kind == "track" and item.account_id is not None
    }
    if days:
        DirtyUsageDay.objects.bulk_create(
            [
                DirtyUsageDay(account_id=account_id, day=day, marked_at=now)
                for account_id, day in sorted(days)
            ],
            update_conflicts=True,
            unique_fields=["account", "day"],
            update_fields=["marked_at"],
        )
