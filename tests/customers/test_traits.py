"""Traits of customers and contacts: defined, set by hand, over REST and by the product, asked for, erased."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Event
from customers.models import Account, Contact, TraitDefinition
from customers.services.define_trait import define_trait
from customers.services.set_traits import set_account_traits, take_traits
from customers.timeline import account_timeline
from customers.traits import parse_trait
from people.models import User
from people.viewer import Viewer, system_viewer

Login = Callable[[User], Client]
_Kind = TraitDefinition.Kind


@pytest.fixture
def traits(admin: User) -> dict[str, TraitDefinition]:
    """One of each kind of accounts, a choice of contacts."""
    by = admin.as_viewer()
    made = [
        define_trait(target="account", key="region", label="Region", kind="choice", choices=["North", "South"], by=by),
        define_trait(target="account", key="fleet", label="Fleet size", kind="number", by=by),
        define_trait(target="account", key="pilot", label="Pilot", kind="bool", by=by),
        define_trait(target="account", key="audit", label="Audit", kind="date", by=by),
        define_trait(target="account", key="nick", label="Nickname", kind="text", by=by),
        define_trait(target="contact", key="persona", label="Persona", kind="choice", choices=["Buyer"], by=by),
    ]  # fmt: skip
    return {one.key: one for one in made}


def test_definitions_are_made_in_the_settings(admin: User, csm: User, login: Login) -> None:
    browser = login(admin)
    assert "No traits yet" in browser.get("/settings/traits/").content.decode()
    body = {
        "target": "account",
        "label": "Region",
        "key": "region",
        "kind": "choice",
        "choices": "North\nSouth\n",
    }
    assert browser.post("/settings/traits/new/", {**body, "choices": ""}).status_code == 422
    assert browser.post("/settings/traits/new/", {**body, "key": "Bad key"}).status_code == 422
    assert browser.post("/settings/traits/new/", {**body, "is_active": "on"}).status_code == 302
    assert browser.post("/settings/traits/new/", {**body, "is_active": "on"}).status_code == 422
    made = TraitDefinition.objects.get()
    assert made.choices == ["North", "South"]
    change = {"label": "Sales region", "choices": "North", "is_active": ""}
    assert browser.post(f"/settings/traits/{made.pk}/", change).status_code == 302
    made.refresh_from_db()
    assert (made.label, made.key, made.choices, made.is_active) == (
        "Sales region",
        "region",
        ["North"],
        False,
    )
    assert Event.objects.filter(verb="customers.trait_saved").count() == 2
    with pytest.raises(PermissionDenied):
        define_trait(label="X", key="x", target="account", kind="text", by=csm.as_viewer())


def test_values_on_the_page_and_the_timeline(
    traits: Any, account: Account, contact: Contact, csm: User, login: Login
) -> None:
    browser = login(csm)
    url = f"/customers/{account.pk}/traits/edit/"
    form = {
        "trait-region": "North",
        "trait-fleet": "1 200",
        "trait-pilot": "yes",
        "trait-audit": "",
        "trait-nick": "",
    }
    assert browser.post(url, form).status_code == 422
    assert browser.post(url, {**form, "trait-fleet": "1200.5"}).status_code == 302
    account.refresh_from_db()
    assert account.traits == {"region": "North", "fleet": 1200.5, "pilot": True}
    page = browser.get(f"/customers/{account.pk}/details/").content.decode()
    for words in ("Region", "North", "1200.5", "Yes"):
        assert words in page
    (item,) = account_timeline(csm.as_viewer(), account).items
    assert "Fleet size: – → 1200.5" in item.detail
    browser.post(
        url,
        {
            "trait-pilot": "no",
            "trait-region": "North",
            "trait-fleet": "",
            "trait-audit": "",
            "trait-nick": "",
        },
    )
    account.refresh_from_db()
    assert account.traits == {"region": "North", "pilot": False}
    assert browser.post(f"/contacts/{contact.pk}/traits/", {"trait-persona": "Buyer"}).status_code == 302
    assert "Buyer" in browser.get(f"/contacts/{contact.pk}/").content.decode()


def test_values_over_rest(traits: Any, account: Account, api: Callable[..., APIClient]) -> None:
    key, url = api("accounts:write"), f"/api/v1/accounts/{account.pk}/"
    assert [one["key"] for one in key.get("/api/v1/traits/").json()][:2] == ["audit", "fleet"]
    set_ = key.patch(url, {"traits": {"region": "South", "fleet": 12, "audit": "2026-02-01"}})
    assert set_.json()["traits"] == {"region": "South", "fleet": 12, "audit": "2026-02-01"}
    assert key.patch(url, {"traits": {"fleet": None}}).json()["traits"] == {
        "region": "South", "audit": "2026-02-01"
    }  # fmt: skip
    for bad in ({"region": "West"}, {"nothing": 1}, {"audit": "tomorrow"}, {"pilot": "perhaps"}):
        refused = key.patch(url, {"traits": bad})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["traits"]), bad
    made = key.post("/api/v1/accounts/", {"name": "Birch", "traits": {"region": "North", "pilot": True}})
    assert (made.status_code, made.json()["traits"]) == (201, {"region": "North", "pilot": True})

    def names(asked: str) -> list[str]:
        return [row["name"] for row in key.get(f"/api/v1/accounts/?trait={asked}").json()["results"]]

    assert names("region:North") == ["Birch"]
    assert names("pilot:yes") == ["Birch"]
    assert names("pilot:no") == []
    assert names("audit:2026-02-01") == ["Halden Logistics"]
    assert names("audit:") == ["Birch"]
    assert key.get("/api/v1/accounts/?trait=nothing:1").status_code == 400
    person = key.post("/api/v1/contacts/", {"name": "Ola", "traits": {"persona": "Buyer"}})
    assert person.json()["traits"] == {"persona": "Buyer"}
    found = key.get("/api/v1/contacts/?trait=persona:Buyer").json()["results"]
    assert [row["name"] for row in found] == ["Ola"]
    rows = {"items": [{"external_id": "b-1", "name": "Bulk", "traits": {"fleet": "7"}},
                      {"external_id": "b-2", "name": "Bad", "traits": {"fleet": "many"}}]}  # fmt: skip
    told = key.post("/api/v1/accounts/bulk/", rows).json()
    assert [one["status"] for one in told["items"]] == ["created", "refused"]
    assert list(told["items"][1]["errors"]) == ["traits"]
    assert Account.objects.get(external_id="b-1").traits == {"fleet": 7}
    assert key.post("/api/v1/accounts/bulk/", {"items": rows["items"][:1]}).json()["unchanged"] == 1


def test_the_product_tells_traits_of_many(traits: Any, account: Account, contact: Contact) -> None:
    by = Viewer(kind="api_key", permissions=frozenset({"usage.write"}))
    sent = {"region": "North", "fleet": "9", "pilot": "maybe", "unheard": "of", "email": "x@y.example"}
    assert take_traits(accounts={account.pk: sent}, contacts={contact.pk: {"persona": "Buyer"}}, by=by) == 2
    account.refresh_from_db()
    contact.refresh_from_db()
    assert account.traits == {"region": "North", "fleet": 9}
    assert contact.traits == {"persona": "Buyer"}
    assert take_traits(accounts={account.pk: sent}, by=by) == 0
    more = [Account.objects.create(name=f"More {number}") for number in range(6)]
    with CaptureQueriesContext(connection) as few:
        take_traits(accounts={more[0].pk: {"fleet": 1}}, by=by)
    with CaptureQueriesContext(connection) as many:
        take_traits(accounts={one.pk: {"fleet": 2} for one in more[1:]}, by=by)
    assert len(few) == len(many)
    with pytest.raises(PermissionDenied):
        take_traits(accounts={account.pk: sent}, by=Viewer(kind="api_key"))


def test_a_retired_trait_keeps_its_values(traits: Any, account: Account, admin: User) -> None:
    by = admin.as_viewer()
    set_account_traits(account=account, values={"region": "North", "nick": "Hal"}, by=by)
    define_trait(trait=traits["nick"], label="Nickname", is_active=False, by=by)
    with pytest.raises(ValidationError):
        set_account_traits(account=account, values={"nick": "Hally"}, by=by)
    set_account_traits(account=account, values={"region": "South"}, by=by)
    account.refresh_from_db()
    assert account.traits == {"region": "South", "nick": "Hal"}
    assert take_traits(accounts={account.pk: {"nick": "x"}}, by=system_viewer("test")) == 0


@given(
    kind=st.sampled_from(_Kind.values),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.lists(st.text()),
)
def test_any_value_is_taken_whole_or_refused(kind: str, value: object) -> None:
    """What was taken is taken again as the same."""
    definition = TraitDefinition(kind=kind, choices=["a", "b"])
    try:
        read = parse_trait(definition, value)
    except ValidationError:
        return
    assert parse_trait(definition, read) == read
    if kind == "choice":
        assert read in (None, "a", "b")
