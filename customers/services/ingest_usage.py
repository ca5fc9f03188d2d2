"""Take product usage, Segment-shaped, with one verdict per item.

Every lookup is one query per batch, whatever its size. An item that cannot be taken is kept as a dead letter; it passes when it
is sent again under the same ``messageId``, or tried again, once it can be placed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core.any_of import AnyOf
from core.bulk_rows import insert_rows
from customers.models import ContactIdentity, DirtyUsageDay, UsageEvent
from customers.services.keep_dead_letters import count_items, keep_letters, letters_passed
from customers.services.learn_people import learn_people
from customers.services.merge_contacts import merge_contacts
from customers.usage_items import Item, Verdict, read_item
from customers.usage_places import Places, find_places
from people.viewer import Viewer

MAX_ITEMS = 2500
SOURCE = "api"
# Each failed attempt waited for another batch to commit, so there are no more than batches with the same items at once.
ATTEMPTS = 20
_EVENT = (
    "source", "message_id", "kind", "name", "account_id", "contact_id", "user_key", "occurred_at", "received_at", "payload",
)  # fmt: skip


def ingest_usage(
    *, items: Sequence[Any], by: Viewer, sent_at: datetime | None = None, received_at: datetime | None = None
) -> list[Verdict]:
    """Store the items, mark the days they touch and count them; returns a verdict per item, in order.

    An item's account is the one whose external id is ``groupId``, else the account of the contact with its ``userId`` or
    e-mail address, else the account of the address's domain (free mail excepted). ``occurred_at`` is the item's
    timestamp corrected by the sender's clock error (received - sentAt); more than ten minutes ahead becomes now.
    """
    by.require("usage.write")
    now = received_at or timezone.now()
    skew = now - sent_at if sent_at is not None else timedelta(0)
    read = [read_item(item, now, skew) for item in items]

    def take() -> list[Verdict]:
        verdicts = take_items(read, by, now)
        rejected = [place for place, verdict in enumerate(verdicts) if verdict.status == "rejected"]
        keep_letters(
            source=SOURCE,
            rejected=[(items[place], verdicts[place]) for place in rejected],
            received_at=now,
            skew=skew,
        )
        outcomes = Counter(verdict.reason or verdict.status for verdict in verdicts)
        count_items(source=SOURCE, day=now.astimezone(UTC).date(), outcomes=outcomes)
        return verdicts

    return once_more(take)


def once_more(take: Callable[[], list[Verdict]]) -> list[Verdict]:
    """Run ``take`` in a transaction, again when another batch has stored the same item or person at the same moment."""
    for _attempt in range(ATTEMPTS - 1):
        try:
            with transaction.atomic():
                return take()
        except IntegrityError:
            continue
    with transaction.atomic():
        return take()


def take_items(
    read: Sequence[Item | Verdict], by: Viewer, now: datetime, source: str = SOURCE
) -> list[Verdict]:
    """Place and store what has not been taken before, in the caller's transaction; returns a verdict per entry, in order."""
    parsed = [entry for entry in read if isinstance(entry, Item)]
    known = set(
        UsageEvent.objects.filter(
            AnyOf("message_id", {item.message_id for item in parsed}), source=source
        ).values_list("message_id", flat=True)
        if parsed
        else ()
    )
    fresh: dict[str, Item] = {}
    for item in parsed:
        if item.message_id not in known:
            fresh.setdefault(item.message_id, item)
    placed, reasons = _place(fresh, by) if fresh else ({}, {})
    _store(placed.values(), now, source)
    letters_passed(source=source, message_ids=placed)
    return [_verdict(entry, fresh, placed, reasons) for entry in read]


def _verdict(
    entry: Item | Verdict, fresh: Mapping[str, Item], placed: Mapping[str, Item], reasons: Mapping[str, str]
) -> Verdict:
    if isinstance(entry, Verdict):
        return entry
    if fresh.get(entry.message_id) is not entry:
        return Verdict(entry.message_id, "duplicate")
    if entry.message_id not in placed:
        return Verdict(entry.message_id, "rejected", reasons.get(entry.message_id, "unknown_account"))
    return Verdict(entry.message_id, "accepted")


def _place(fresh: Mapping[str, Item], by: Viewer) -> tuple[dict[str, Item], dict[str, str]]:
    """Find where the items belong; returns those that can be stored, and why the aliases among the others cannot."""
    places = find_places(fresh.values())
    reasons: dict[str, str] = {}
    for item in fresh.values():
        places.place(item)
    learn_people(
        [item for item in fresh.values() if item.account_id is not None and item.kind == "identify"],
        places,
        by,
    )
    for item in fresh.values():
        if item.kind == "alias" and (reason := _tie(item, places, by)):
            reasons[item.message_id] = reason
    placed = {
        key: item
        for key, item in fresh.items()
        if item.account_id is not None and item.message_id not in reasons
    }
    return placed, reasons


def _tie(item: Item, places: Places, by: Viewer) -> str:
    """Let both names of an alias lead to one person; returns why not, empty when they do.

    Two people are merged, the former one into the present one; staff can take that back as any other merge.
    """
    former = places.contact_of(item.previous)
    present = places.contact_of(item.user_key, item.email)
    person = present or former
    if person is None:
        return "unknown_person"
    if former is not None and present is not None and former.pk != present.pk:
        try:
            with transaction.atomic():
                merge_contacts(source=former, target=present, by=by.lent("customers.edit"))
        except ValidationError:
            return "not_mergeable"
    for key in (item.user_key, item.previous):
        if places.contact_of(key) is None:
            ContactIdentity.objects.create(contact=person, kind="user", value=key)
        places.contacts["user", key] = person
    item.contact_id = person.pk
    item.account_id = item.account_id or person.account_id
    return "" if item.account_id is not None else "unknown_account"


def _store(items: Collection[Item], now: datetime, source: str) -> None:
    """Insert the raw events and mark their account-days.

    Rows go in by the order of their message ids, so that two batches with the same items never wait for each other in a circle.
    """
    if not items:
        return
    adapt = connection.ops.adapt_datetimefield_value
    received = adapt(now)
    insert_rows(
        UsageEvent,
        _EVENT,
        (
            (source, item.message_id, item.kind, item.name, item.account_id, item.contact_id, item.user_key,
             adapt(item.occurred_at), received, item.payload)
            for item in sorted(items, key=lambda item: item.message_id)
        ),
    )  # fmt: skip
    days = {(item.account_id or 0, item.occurred_at.date()) for item in items if item.kind == "track"}
    texts = {day: connection.ops.adapt_datefield_value(day) for _account, day in days}
    marks = ((account_id, texts[day], received) for account_id, day in sorted(days))
    insert_rows(DirtyUsageDay, ("account_id", "day", "marked_at"), marks)
