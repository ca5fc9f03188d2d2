"""Bulk upserts of customers and contacts by their external id: each row for itself, repeatable, in constant queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from core.models import Event
from customers.models import Account, Contact, ContactIdentity
from customers.services import upsert_accounts
from customers.services.merge_contacts import merge_contacts
from people.models import User

ACCOUNTS, CONTACTS = "/api/v1/accounts/bulk/", "/api/v1/contacts/bulk/"


@pytest.fixture
def crm(api: Callable[..., APIClient]) -> APIClient:
    """A CRM's client."""
    return api("accounts:write")


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.data
    return [one["status"] for one in answer.data["items"]]


def test_accounts_are_made_changed_and_left_alone(crm: APIClient, account: Account, csm: User) -> None:
    Account.objects.filter(pk=account.pk).update(external_id="a-1")
    rows = [
        {"external_id": "a-1", "seats": 300, "csm": csm.pk},
        {"external_id": "a-2", "name": "Birch Labs", "arr": "1200.50", "currency": "usd"},
        {"external_id": "a-3", "name": ""},
        {"external_id": "a-4", "name": "X", "colour": "red"},
        {"external_id": "a-2", "name": "Again"},
        {"external_id": "a-5", "name": "Y", "csm": 999_999},
        {"name": "No id"},
        "no object",
        {"external_id": "a-6"},
    ]
    first = crm.post(ACCOUNTS, {"items": rows})
    assert statuses(first) == ["updated", "created", *["refused"] * 7]
    fields = [sorted(one["errors"]) for one in first.data["items"][2:]]
    assert fields == [
        ["name"], ["colour"], ["external_id"], ["csm"], ["external_id"], ["non_field_errors"], ["name"],
    ]  # fmt: skip
    made = Account.objects.get(external_id="a-2")
    assert (made.name, str(made.arr), made.currency) == ("Birch Labs", "1200.50", "USD")
    account.refresh_from_db()
    assert (account.seats, account.name) == (300, "Halden Logistics")
    assert first.data["items"][1]["id"] == made.pk
    assert {name: first.data[name] for name in ("created", "updated", "unchanged", "refused")} == {
        "created": 1, "updated": 1, "unchanged": 0, "refused": 7,
    }  # fmt: skip
    verbs = ["customers.account_created", "customers.account_changed"]
    events = list(Event.objects.filter(verb__in=verbs).order_by("verb").values_list("verb", "subject_id"))
    assert events == [(verbs[1], account.pk), (verbs[0], made.pk)]
    assert statuses(crm.post(ACCOUNTS, {"items": rows[:2]})) == ["unchanged", "unchanged"]
    assert Event.objects.filter(verb__in=verbs).count() == 2


def test_a_batch_costs_the_same_however_long_it_is(crm: APIClient, csm: User) -> None:
    def cost(path: str, items: list[dict[str, Any]], status: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert set(statuses(crm.post(path, {"items": items}))) == {status}
        return len(queries)

    def accounts(first: int, number: int) -> list[dict[str, Any]]:
        return [
            {"external_id": f"a{n}", "name": f"A{n}", "csm": csm.pk} for n in range(first, first + number)
        ]

    def contacts(first: int, number: int) -> list[dict[str, Any]]:
        return [
            {"external_id": f"c{n}", "account_external_id": "a0", "emails": [f"p{n}@x.example"], "name": "P"}
            for n in range(first, first + number)
        ]

    crm.get("/api/v1/accounts/")
    # Long inserts are cut where the database takes no more parameters.
    cuts = 4
    assert cost(ACCOUNTS, accounts(0, 2), "created") + cuts >= cost(ACCOUNTS, accounts(10, 60), "created")
    assert cost(CONTACTS, contacts(0, 2), "created") + cuts >= cost(CONTACTS, contacts(10, 60), "created")
    assert cost(CONTACTS, contacts(10, 2), "unchanged") == cost(CONTACTS, contacts(10, 60), "unchanged")


def test_contacts_are_found_by_id_by_address_and_behind_merges(
    crm: APIClient, account: Account, contact: Contact, csm: User
) -> None:
    Account.objects.filter(pk=account.pk).update(external_id="a-1")
    Account.objects.create(name="Other")
    old = Contact.objects.create(name="Old row", external_id="c-9")
    rows = [
        {"external_id": "c-1", "emails": ["METTE@halden.example", "mette@home.example"], "title": "CTO"},
        {"external_id": "c-2", "name": "Kai", "account_external_id": "a-1", "emails": ["kai@halden.example"]},
        {"external_id": "c-3", "name": "Thief", "emails": ["kai@halden.example"]},
        {"external_id": "c-4", "name": "Lost", "account_external_id": "nobody"},
        {"external_id": "c-5", "name": "Nil", "account": 999_999},
        {"external_id": "c-6", "emails": ["nonsense"]},
    ]
    first = crm.post(CONTACTS, {"items": rows})
    assert statuses(first) == ["updated", "created", "refused", "refused", "refused", "refused"]
    assert [sorted(one["errors"]) for one in first.data["items"][2:]] == [
        ["emails"], ["account_external_id"], ["account"], ["emails"],
    ]  # fmt: skip
    contact.refresh_from_db()
    assert (contact.external_id, contact.title, contact.name) == ("c-1", "CTO", "Mette Aas")
    assert {one.value for one in contact.identities.all()} == {"mette@halden.example", "mette@home.example"}
    assert Contact.objects.get(external_id="c-2").account == account
    assert statuses(crm.post(CONTACTS, {"items": rows[:2]})) == ["unchanged", "unchanged"]
    merge_contacts(source=old, target=contact, by=csm.as_viewer())
    behind = crm.post(CONTACTS, {"items": [{"external_id": "c-9", "name": "Mette A."}]})
    assert (statuses(behind), behind.data["items"][0]["id"]) == (["updated"], contact.pk)
    contact.refresh_from_db()
    assert (contact.name, contact.external_id) == ("Mette A.", "c-1")
    assert not Contact.objects.filter(name__in=["Thief", "Lost", "Nil"]).exists()


def test_a_batch_that_another_one_overtakes_finds_its_rows(
    crm: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the writing somebody else made the same customer: the second look finds it."""
    record = upsert_accounts.ACCOUNT_CREATED.record_many
    tries: list[int] = []

    def overtaken(**values: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise IntegrityError("UNIQUE constraint failed")
        return record(**values)

    monkeypatch.setattr(upsert_accounts.ACCOUNT_CREATED, "record_many", overtaken)
    assert statuses(crm.post(ACCOUNTS, {"items": [{"external_id": "a-1", "name": "Mine"}]})) == ["created"]
    assert (len(tries), Account.objects.get().name) == (2, "Mine")


def test_batches_that_are_no_batches_are_refused(crm: APIClient, api: Callable[..., APIClient]) -> None:
    for body in ({}, {"items": []}, {"items": "x"}, {"items": [{}] * 501}, []):
        answer = crm.post(ACCOUNTS, body)
        assert answer.status_code == 400, body
    assert api("accounts:read").post(ACCOUNTS, {"items": [{}]}).status_code == 403
    assert not Account.objects.exists()
    assert not ContactIdentity.objects.exists()
