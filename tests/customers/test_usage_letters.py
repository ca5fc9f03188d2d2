"""Rejected product usage: kept as it came, tried again, given up, and counted so that everything sent is accounted for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.job_runner import run_jobs
from customers.models import Account, Contact, ContactIdentity, ContactMerge, UsageDeadLetter, UsageEvent
from customers.services.ingest_usage import ingest_usage
from customers.services.keep_dead_letters import waiting_letters
from customers.tasks import roll_up_usage
from people.viewer import system_viewer
from tests.customers.test_usage_batch import track

LETTERS = "/api/v1/usage/dead-letters/"


@pytest.fixture
def backend(api: Callable[..., APIClient]) -> APIClient:
    """A product backend's client."""
    return api("usage:write")


def intake(client: APIClient) -> dict[str, Any]:
    """What REST tells of today, once the counters of batches have been merged and once before."""
    before = client.get("/api/v1/usage/intake/").json()
    roll_up_usage()
    after: dict[str, Any] = client.get("/api/v1/usage/intake/").json()
    assert before == after
    assert after["waiting"] == after["dead_letters"] == UsageDeadLetter.objects.count() == waiting_letters()
    today: dict[str, Any] = after["days"][0]
    assert today["sent"] == today["accepted"] + today["duplicate"] + today["rejected"]
    return today


@pytest.mark.django_db
def test_a_rejected_item_is_kept_as_it_came_and_passes_when_its_account_is_there(backend: APIClient) -> None:
    sent_at = timezone.now() - timedelta(hours=5)
    item = track(
        "a", timestamp=(sent_at - timedelta(minutes=7)).isoformat(), properties={"deep": [1, {"x": "é"}]}
    )
    backend.post(
        "/api/v1/usage/batch/", {"batch": [item, track("b", event="")], "sentAt": sent_at.isoformat()}
    )
    [faulty, lost] = backend.get(LETTERS).json()["results"]
    assert (lost["item"], lost["reason"], faulty["reason"]) == (item, "unknown_account", "no_event")
    retry = f"{LETTERS}{lost['id']}/retry/"
    assert backend.post(retry).json() == {"messageId": "a", "status": "rejected", "reason": "unknown_account"}
    assert UsageDeadLetter.objects.get(pk=lost["id"]).attempts == 2
    Account.objects.create(name="Late", external_id="tenant-7")
    assert backend.post(retry).json()["status"] == "accepted"
    # Dated as on the first try: by the receiver's clock, whatever the hour of the retry.
    took = timezone.now() - UsageEvent.objects.get(message_id="a").occurred_at
    assert timedelta(minutes=7) <= took < timedelta(minutes=8)
    today = intake(backend)
    assert (today["sent"], today["rejected"], today["passed"], today["waiting"]) == (2, 2, 1, 1)
    assert backend.delete(f"{LETTERS}{faulty['id']}/").status_code == 204
    assert backend.post(retry).status_code == 404
    assert intake(backend)["dropped"] == 1


@pytest.mark.django_db
def test_what_comes_again_by_itself_leaves_no_letter(backend: APIClient) -> None:
    for _turn in range(2):
        backend.post("/api/v1/usage/batch/", {"batch": [track("a"), track("z", groupId="never")]})
    Account.objects.create(name="Late", external_id="tenant-7")
    backend.post("/api/v1/usage/batch/", {"batch": [track("a"), track("a")]})
    assert set(UsageDeadLetter.objects.values_list("message_id", flat=True)) == {"z"}
    today = intake(backend)
    counts = [today[name] for name in ("sent", "accepted", "duplicate", "rejected", "passed", "waiting")]
    assert counts == [6, 1, 1, 4, 2, 2]
    assert today["reasons"] == {"unknown_account": 4}


@pytest.mark.django_db
def test_all_of_a_reason_are_tried_again_by_a_job(backend: APIClient) -> None:
    items = [track(str(number), groupId=f"tenant-{number % 3}") for number in range(30)]
    backend.post("/api/v1/usage/batch/", {"batch": [*items, track("x", event="")]})
    Account.objects.create(name="One", external_id="tenant-1")
    Account.objects.create(name="Two", external_id="tenant-2")
    answer = backend.post(f"{LETTERS}settle/", {"action": "retry", "reason": "unknown_account"})
    assert answer.status_code == 202
    run_jobs("batch")
    assert UsageEvent.objects.count() == 20
    assert (intake(backend)["passed"], UsageDeadLetter.objects.filter(attempts=2).count()) == (20, 10)
    backend.post(f"{LETTERS}settle/", {"action": "drop"})
    run_jobs("batch")
    assert intake(backend)["dropped"] == 11
    assert "reason" in backend.post(f"{LETTERS}settle/", {"action": "drop", "reason": "x"}).json()["errors"]


@pytest.mark.django_db
def test_of_a_huge_item_the_beginning_is_kept(backend: APIClient, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(external_id="tenant-7")
    item = track("big", properties={"text": "x" * 1_000_000})
    answer = backend.post("/api/v1/usage/track/", item)
    assert answer.json() == {"messageId": "big", "status": "rejected", "reason": "too_large"}
    [letter] = backend.get(LETTERS, {"reason": "too_large"}).json()["results"]
    assert (letter["is_whole"], len(letter["item"])) == (False, 2000)
    assert backend.post(f"{LETTERS}{letter['id']}/retry/").json()["reason"] == "too_large"


@pytest.mark.django_db
def test_others_see_no_letters(api: Callable[..., APIClient]) -> None:
    assert api("accounts:read").get(LETTERS).status_code == 403
    assert api("accounts:read").get("/api/v1/usage/intake/").status_code == 403


@pytest.mark.django_db
def test_each_kind_has_an_address_of_its_own(backend: APIClient, account: Account, contact: Contact) -> None:
    Account.objects.filter(pk=account.pk).update(external_id="tenant-7")
    assert backend.post("/api/v1/usage/track/", track("a", type="group")).json()["status"] == "accepted"
    person = {"messageId": "b", "userId": "u-1", "traits": {"email": "mette@halden.example"}}
    assert backend.post("/api/v1/usage/identify/", person).json()["status"] == "accepted"
    assert ContactIdentity.objects.get(kind="user", value="u-1").contact == contact
    backend.post("/api/v1/usage/group/", {"messageId": "c", "userId": "u-1", "groupId": "tenant-7"})
    assert dict(UsageEvent.objects.values_list("message_id", "kind")) == {
        "a": "track",
        "b": "identify",
        "c": "group",
    }
    assert backend.post("/api/v1/usage/group/", [1]).status_code == 400


def test_an_alias_ties_two_names_to_one_person(
    backend: APIClient, account: Account, contact: Contact
) -> None:
    def alias(message_id: str, user: str, former: str) -> str:
        item = {"messageId": message_id, "userId": user, "previousId": former}
        verdict: dict[str, str] = backend.post("/api/v1/usage/alias/", item).json()
        return verdict["reason"] or verdict["status"]

    assert alias("a", "new", "old") == "unknown_person"
    assert alias("b", "u-1", "mette@halden.example") == "accepted"
    assert alias("c", "u-1", "device-9") == "accepted"
    assert set(ContactIdentity.objects.filter(kind="user").values_list("value", "contact")) == {
        ("u-1", contact.pk),
        ("device-9", contact.pk),
    }
    other = Contact.objects.create(account=account, name="Other")
    ContactIdentity.objects.create(contact=other, kind="user", value="u-2")
    assert alias("d", "u-1", "u-2") == "accepted"
    merge = ContactMerge.objects.get()
    assert (merge.source, merge.target, merge.undone_at) == (other, contact, None)
    assert alias("e", "u-1", "") == "no_identity"


def test_letters_of_a_person_go_with_the_person(account: Account, contact: Contact) -> None:
    from customers.registry import personal_data

    item = track("a", userId="mette@halden.example", groupId="nobody")
    ingest_usage(items=[item, track("b", userId="someone", groupId="nobody")], by=system_viewer())
    part = personal_data.get("contact")
    assert [row["reason"] for row in part.export([contact.pk])["rejected_usage"]] == ["unknown_account"]
    assert part.erase([contact.pk])["rejected_usage"] == 1
    assert [letter.message_id for letter in UsageDeadLetter.objects.all()] == ["b"]
    assert waiting_letters() == 1
