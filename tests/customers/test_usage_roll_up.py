"""Roll-ups of product usage: any order and repetition of events gives a naive recount, and what was known stays readable."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import Account, DirtyUsageDay, UsageDaily, UsageDailyRevision, UsageEvent, UsageFeature
from customers.services.ingest_usage import ingest_usage
from customers.services.roll_up_usage import roll_up_usage
from customers.usage_items import REASONS, Item, read_item
from people.viewer import system_viewer

Key = tuple[str, Any, str]
EVENTS = st.tuples(
    st.integers(0, 25),  # the message id: chance repeats it
    st.sampled_from(["t1", "t2", "t400"]),
    st.sampled_from(["", "u1", "u2", "u3"]),
    st.sampled_from(["report", "export"]),
    st.integers(1, 3),  # days ago
)


def item_of(number: int, tenant: str, user: str, name: str, days: int, noon: datetime) -> dict[str, Any]:
    """The item of a message id; the same id with other contents is a duplicate all the same."""
    moment = noon - timedelta(days=days, minutes=number)
    return {
        "type": "track", "messageId": f"m{number}", "userId": user, "groupId": tenant, "event": name,
        "timestamp": moment.isoformat(),
    }  # fmt: skip


def naive(items: list[dict[str, Any]]) -> dict[Key, tuple[int, int]]:
    """Recount from the first of each message id, one event at a time."""
    seen: set[str] = set()
    events: defaultdict[Key, int] = defaultdict(int)
    users: defaultdict[Key, set[str]] = defaultdict(set)
    for item in items:
        if item["messageId"] in seen:
            continue
        seen.add(item["messageId"])
        for feature in ("", item["event"]):
            key = item["groupId"], datetime.fromisoformat(item["timestamp"]).date(), feature
            events[key] += 1
            users[key] |= {item["userId"]} - {""}
    return {key: (number, len(users[key])) for key, number in events.items()}


def known_at(moment: datetime) -> dict[Key, tuple[int, int]]:
    """What a reader of a past moment finds: rows that held then, from the table or its revisions."""
    found = {}
    for row in UsageDaily.objects.filter(recorded_at__lte=moment).select_related("account"):
        found[row.account.external_id or "", row.day, row.feature] = (row.events, row.users)
    revisions = UsageDailyRevision.objects.filter(recorded_at__lte=moment, superseded_at__gt=moment)
    for former in revisions.select_related("account"):
        found[former.account.external_id or "", former.day, former.feature] = (former.events, former.users)
    return found


@pytest.mark.django_db
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(EVENTS, max_size=12), max_size=5))
def test_any_order_gives_the_recount_and_keeps_what_was_known(batches: list[list[Any]]) -> None:
    for model in (UsageDaily, UsageDailyRevision, UsageEvent, UsageFeature, Account):
        model.objects.all().delete()
    # Ids far apart: two ranges of accounts.
    for number, tenant in enumerate(["t1", "t2", "t400"]):
        Account.objects.create(pk=10 + 500 * number, name=tenant, external_id=tenant)
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    sent: list[dict[str, Any]] = []
    states = []
    for batch in batches:
        items = [item_of(*one, noon=noon) for one in batch]
        sent += items
        if items:
            ingest_usage(items=items, by=system_viewer())
            ingest_usage(items=list(reversed(items)), by=system_viewer())
        roll_up_usage(by=system_viewer())
        states.append((timezone.now(), naive(sent)))
    assert not DirtyUsageDay.objects.exists()
    for moment, expected in states:
        assert known_at(moment) == expected
    names = set(UsageFeature.objects.values_list("name", flat=True))
    assert names == {feature for _tenant, _day, feature in naive(sent)} - {""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "type",
        "messageId",
        "userId",
        "anonymousId",
        "groupId",
        "event",
        "timestamp",
        "properties",
        "traits",
        "context",
    ]
)
ITEMS = JSON | st.builds(
    lambda good, odd: {**good, **odd},
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["track", "identify", "group", "alias", "page"]),
            "messageId": st.text(max_size=130),
            "userId": st.text(max_size=5),
            "event": st.text(max_size=5),
        }
    ),
    st.dictionaries(FIELDS, JSON | st.datetimes().map(str), max_size=3),
)


@settings(max_examples=300, deadline=None)
@given(ITEMS, st.integers(-90_000, 90_000))
def test_every_item_has_a_verdict_that_columns_hold(item: Any, skew: int) -> None:
    now = timezone.now()
    read = read_item(item, now, timedelta(seconds=skew))
    assert read == read_item(item, now, timedelta(seconds=skew))
    if isinstance(read, Item):
        assert now - timedelta(days=89) <= read.occurred_at <= now + timedelta(minutes=10)
        texts = [read.message_id, read.name, read.user_key, read.group, read.payload]
    else:
        assert (read.status, read.reason in REASONS) == ("rejected", True)
        texts = [read.message_id]
    for text in texts:
        assert "\0" not in text
        text.encode()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_senders_and_roll_ups_at_once_count_each_event_once() -> None:
    for tenant in ("t1", "t2", "t400"):
        Account.objects.create(name=tenant, external_id=tenant)
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    items = [
        item_of(number, ("t1", "t2", "t400")[number % 3], f"u{number % 7}", "report", 1 + number % 2, noon)
        for number in range(240)
    ]
    statuses: list[str] = []
    stop = threading.Event()

    def send(first: int) -> None:
        try:
            for begin in range(first, 240 + first, 40):
                batch = [items[(begin + place) % 240] for place in range(80)]
                statuses.extend(verdict.status for verdict in ingest_usage(items=batch, by=system_viewer()))
        finally:
            connection.close()

    def roll() -> None:
        try:
            while not stop.is_set():
                roll_up_usage(by=system_viewer())
        finally:
            connection.close()

    senders = [threading.Thread(target=send, args=(first,)) for first in (0, 13, 101, 160)]
    rollers = [threading.Thread(target=roll) for _roller in range(2)]
    for thread in (*rollers, *senders):
        thread.start()
    for thread in senders:
        thread.join()
    stop.set()
    for thread in rollers:
        thread.join()
    roll_up_usage(by=system_viewer())
    assert statuses.count("accepted") == 240
    assert len(statuses) == 4 * 6 * 80
    assert known_at(timezone.now()) == naive(items)
