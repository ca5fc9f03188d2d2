"""Product usage over REST: verdicts, identity, clock correction, roll-ups."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event
from customers.models import (
    Account,
    Contact,
    ContactIdentity,
    DirtyUsageDay,
    UsageDaily,
    UsageDailyRevision,
    UsageEvent,
)
from customers.services import ingest_usage as ingest_module
from customers.services.ingest_usage import ingest_usage
from customers.tasks import roll_up_usage
from people.viewer import system_viewer

URL = "/api/v1/usage/batch/"


@pytest.fixture
def backend(api: Callable[..., APIClient]) -> APIClient:
    """A product backend's client."""
    return api("usage:write")


@pytest.fixture
def tenant(account: Account) -> Account:
    """The account under the id the product knows it by."""
    account.external_id = "tenant-7"
    account.save()
    return account


def track(message_id: str, **fields: Any) -> dict[str, Any]:
    """One use of a feature."""
    return {
        "type": "track", "messageId": message_id, "userId": "u1", "groupId": "tenant-7", "event": "report_opened",
        "timestamp": timezone.now().isoformat(), **fields,
    }  # fmt: skip


def test_items_are_judged_one_by_one(backend: APIClient, tenant: Account) -> None:
    good = track("a")
    answer = backend.post(
        URL,
        {
            "batch": [
                good, track("b", event=""), track("c", groupId="nobody"), {**good}, "text", track("d", type="page"),
                track("e", timestamp="yesterday"), track("f", properties={"x": "y" * 33_000}),
                track("g", timestamp=(timezone.now() - timedelta(days=100)).isoformat()),
                {"type": "track", "messageId": "h", "event": "x"}, {**good, "messageId": ""}, track("i", properties=[1]),
            ]
        },
    )  # fmt: skip
    assert answer.status_code == 200
    assert [(row["messageId"], row["status"], row["reason"]) for row in answer.json()["items"]] == [
        ("a", "accepted", ""),
        ("b", "rejected", "no_event"),
        ("c", "rejected", "unknown_account"),
        ("a", "duplicate", ""),
        ("", "rejected", "not_an_object"),
        ("d", "rejected", "unknown_type"),
        ("e", "rejected", "bad_timestamp"),
        ("f", "rejected", "too_large"),
        ("g", "rejected", "too_old"),
        ("h", "rejected", "no_identity"),
        ("", "rejected", "bad_message_id"),
        ("i", "rejected", "bad_properties"),
    ]
    assert (answer.json()["accepted"], answer.json()["duplicate"], answer.json()["rejected"]) == (1, 1, 10)
    assert UsageEvent.objects.count() == 1
    again = backend.post(URL, {"batch": [good]})
    assert again.json()["items"][0]["status"] == "duplicate"
    assert UsageEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event": "a\ud800b"}, "bad_text"),
        ({"messageId": "m\ud800"}, "bad_text"),
        ({"userId": "u\x001"}, "bad_text"),
        ({"properties": {"a": ["\x00"]}}, "bad_text"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "bad_timestamp"),
    ],
)
def test_an_item_that_cannot_be_stored_does_not_fail_the_others(
    backend: APIClient, tenant: Account, fields: dict[str, Any], reason: str
) -> None:
    sent_at = (timezone.now() - timedelta(days=1)).isoformat()
    batch = [{**track("bad"), **fields}, track("good", event="a\\u0000b")]
    answer = backend.post(
        URL, json.dumps({"batch": batch, "sentAt": sent_at}), content_type="application/json"
    )
    assert [(row["status"], row["reason"]) for row in answer.json()["items"]] == [
        ("rejected", reason),
        ("accepted", ""),
    ]


def test_a_person_whom_two_batches_name_at_once_is_one_contact(
    tenant: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = ingest_module.find_places

    def meanwhile(items: Any) -> Any:
        found = looked(items)
        monkeypatch.setattr(ingest_module, "find_places", looked)
        other = Contact.objects.create(account=tenant)
        ContactIdentity.objects.create(contact=other, kind="email", value="ida@halden.example")
        return found

    monkeypatch.setattr(ingest_module, "find_places", meanwhile)
    item = track("i", type="identify", traits={"email": "ida@halden.example", "name": "Ida"})
    assert [row.status for row in ingest_usage(items=[item], by=system_viewer("test"))] == ["accepted"]
    assert Contact.objects.filter(identities=None).count() == 0
    assert ContactIdentity.objects.filter(kind="email", value="ida@halden.example").count() == 1


def test_a_rejected_item_may_come_again_when_its_account_exists(backend: APIClient, db: None) -> None:
    assert backend.post(URL, {"batch": [track("a")]}).json()["items"][0]["reason"] == "unknown_account"
    Account.objects.create(name="Late", external_id="tenant-7")
    assert backend.post(URL, {"batch": [track("a")]}).json()["items"][0]["status"] == "accepted"


def test_the_account_is_found_by_group_then_person_then_domain(
    backend: APIClient, tenant: Account, contact: Contact
) -> None:
    other = Account.objects.create(name="Other", domain="other.example", external_id="tenant-8")
    Account.objects.create(name="Mailer", domain="gmail.com")
    items = [
        track("group", userId="mette@halden.example", groupId="tenant-8"),
        track("person", userId="mette@halden.example", groupId=None),
        track("domain", userId="x9", groupId=None, context={"traits": {"email": "Bo@OTHER.example"}}),
        track("context", userId="x9", groupId=None, context={"groupId": "tenant-7"}),
        track("free", userId="someone@gmail.com", groupId=None),
        track("wrong group", userId="mette@halden.example", groupId="nobody"),
    ]
    verdicts = backend.post(URL, {"batch": items}).json()["items"]
    assert [row["status"] for row in verdicts] == ["accepted"] * 4 + ["rejected"] * 2
    placed = dict(UsageEvent.objects.values_list("message_id", "account_id"))
    assert placed == {"group": other.pk, "person": tenant.pk, "domain": other.pk, "context": tenant.pk}


def test_the_senders_clock_is_corrected_and_the_future_clipped(tenant: Account) -> None:
    received = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    sent = received + timedelta(hours=1)
    verdicts = ingest_usage(
        items=[
            track("fast clock", timestamp=(sent - timedelta(minutes=5)).isoformat()),
            track("ahead", timestamp=(sent + timedelta(minutes=30)).isoformat()),
            track("no timestamp", timestamp=None),
        ],
        sent_at=sent,
        received_at=received,
        by=system_viewer(),
    )
    assert {verdict.status for verdict in verdicts} == {"accepted"}
    assert dict(UsageEvent.objects.values_list("message_id", "occurred_at")) == {
        "fast clock": received - timedelta(minutes=5),
        "ahead": received,
        "no timestamp": received,
    }


def test_identify_learns_people(backend: APIClient, tenant: Account, contact: Contact) -> None:
    items = [
        {"type": "identify", "messageId": "1", "userId": "u-mette", "traits": {"email": "mette@halden.example"}},
        {"type": "identify", "messageId": "2", "userId": "u-new", "groupId": "tenant-7",
         "traits": {"email": "New@halden.example", "name": "New Person"}},
    ]  # fmt: skip
    assert backend.post(URL, {"batch": items}).json()["accepted"] == 2
    assert ContactIdentity.objects.get(kind="user", value="u-mette").contact == contact
    person = ContactIdentity.objects.get(kind="email", value="new@halden.example").contact
    assert (person.name, person.account_id) == ("New Person", tenant.pk)
    assert Event.objects.filter(verb="customers.contact_created", subject_id=person.pk).exists()
    assert not DirtyUsageDay.objects.exists()
    backend.post(URL, {"batch": [track("3", userId="u-new", groupId=None)]})
    roll_up_usage()
    person.refresh_from_db()
    assert person.last_seen_at is not None


def test_roll_up_counts_the_day_and_each_feature(backend: APIClient, tenant: Account) -> None:
    items = [track(f"{user}{turn}", userId=user, event=event) for user, turn, event in (
        ("u1", 1, "report_opened"), ("u1", 2, "report_opened"), ("u2", 1, "report_opened"), ("u2", 2, "export"),
    )]  # fmt: skip
    backend.post(URL, {"batch": items})
    roll_up_usage()
    rows = UsageDaily.objects.filter(account=tenant).values_list("feature", "events", "users")
    assert set(rows) == {("", 4, 2), ("report_opened", 3, 2), ("export", 1, 1)}
    assert not DirtyUsageDay.objects.exists()
    event = Event.objects.get(verb="customers.usage_rolled_up")
    assert event.detail.data == {"accounts": [tenant.pk], "days": 1}


def test_a_late_event_keeps_what_was_known_before(tenant: Account) -> None:
    day = timezone.now() - timedelta(days=3)
    ingest_usage(items=[track("a", timestamp=day.isoformat())], by=system_viewer())
    roll_up_usage()
    first = UsageDaily.objects.get(account=tenant, feature="")
    ingest_usage(items=[track("b", timestamp=day.isoformat(), userId="u2")], by=system_viewer())
    roll_up_usage()
    second = UsageDaily.objects.get(account=tenant, feature="")
    assert (second.events, second.users) == (2, 2)
    former = UsageDailyRevision.objects.get(feature="")
    assert (former.events, former.recorded_at, former.superseded_at) == (
        1,
        first.recorded_at,
        second.recorded_at,
    )


def test_an_imported_day_is_not_lowered(tenant: Account) -> None:
    day = timezone.now() - timedelta(days=2)
    UsageDaily.objects.create(
        account=tenant, day=day.date(), feature="", events=900, users=40, recorded_at=day + timedelta(days=1)
    )
    ingest_usage(items=[track("a", timestamp=day.isoformat())], by=system_viewer())
    roll_up_usage()
    rows = UsageDaily.objects.filter(account=tenant).values_list("feature", "events", "users")
    assert set(rows) == {("", 900, 40), ("report_opened", 1, 1)}
    assert not UsageDailyRevision.objects.exists()


def test_a_repeated_roll_up_rewrites_nothing(tenant: Account) -> None:
    ingest_usage(items=[track("a")], by=system_viewer())
    roll_up_usage()
    before = UsageDaily.objects.get(feature="").recorded_at
    DirtyUsageDay.objects.create(account=tenant, day=timezone.now().date(), marked_at=timezone.now())
    roll_up_usage()
    assert UsageDaily.objects.get(feature="").recorded_at == before
    assert Event.objects.filter(verb="customers.usage_rolled_up").count() == 1


def test_queries_do_not_grow_with_the_batch(tenant: Account) -> None:
    def cost(count: int) -> int:
        items = [track(f"{count}-{number}", userId=f"p{number}") for number in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ingest_usage(items=items, by=system_viewer())
        return len(queries)

    assert cost(60) == cost(5)


def test_the_envelope_is_checked(backend: APIClient, api: Callable[..., APIClient]) -> None:
    assert backend.post(URL, {"batch": []}).status_code == 400
    assert backend.post(URL, {"batch": [{}] * 2501}).status_code == 400
    assert "sentAt" in backend.post(URL, {"batch": [{}], "sentAt": "soon"}).json()["errors"]
    assert api("accounts:write").post(URL, {"batch": [{}]}).status_code == 403
