"""The pages and the REST of connections with CRMs: who may, what is shown, what a comparison finds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.models import Event
from customers.models import Account
from customers.services.save_account import update_account
from integrations.crm.systems.hubspot import HubSpot
from integrations.models import CrmCheck, CrmConnection, CrmField, CrmGap
from people.models import User
from people.roles import PERMISSIONS, Role
from people.viewer import system_viewer
from tests.conftest import make_user
from tests.integrations.crm_desk import Desk, connect
from tests.integrations.crm_fakes import FakeHubSpot, running

PAGE = "/settings/crm/"


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubSpot, "search_seconds", 0.0)


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeHubSpot]:
    """A HubSpot."""
    with running(settings, FakeHubSpot()) as found:
        yield found


@pytest.fixture
def desk(fake: FakeHubSpot, admin: User, pump: Any) -> Desk:
    """A connection that keeps names and our next steps in step."""
    found = connect(fake, admin, pump, "hubspot")
    found.map(
        ("account", "name", "name", "crm"),
        ("account", "next_step", "next_step", "us"),
        ("account", "arr", "arr__c", "crm"),
    )
    return found


@pytest.fixture
def browser(admin: User, login: Any) -> Client:
    """The administrator's browser."""
    client: Client = login(admin)
    return client


def test_only_who_may_opens_the_pages(desk: Desk, login: Callable[[User], Client]) -> None:
    for role in (Role.LEAD, Role.AGENT, Role.CSM, Role.ANALYST):
        assert "crm.manage" not in PERMISSIONS[role]
        client = login(make_user(role, "Some One"))
        for url in (PAGE, f"{PAGE}new/hubspot/", f"{PAGE}{desk.connection.pk}/"):
            assert client.get(url).status_code == 403
        assert client.post(f"{PAGE}{desk.connection.pk}/delete/").status_code == 403
    assert CrmConnection.objects.count() == 1


def test_without_a_connection_the_page_says_what_to_do(browser: Client) -> None:
    text = browser.get(PAGE).content.decode()
    assert "Connect your CRM" in text
    assert f"{PAGE}new/hubspot/" in text
    assert f"{PAGE}new/salesforce/" in text
    assert browser.get(f"{PAGE}new/nothing/").status_code == 404


def test_connecting_tries_whether_the_crm_answers(browser: Client, fake: FakeHubSpot) -> None:
    form = {"name": "Our HubSpot", "base_url": fake.url, "access_token": "wrong", "quota_percent": "80"}
    answer = browser.post(f"{PAGE}new/hubspot/", form, follow=True)
    assert "did not let us in" in answer.content.decode()
    connection = CrmConnection.objects.get()
    assert "wrong" not in connection.credentials
    assert connection.state == CrmConnection.State.REFUSED
    answer = browser.post(f"{PAGE}{connection.pk}/edit/", form | {"access_token": "good-token"}, follow=True)
    assert answer.status_code == 200
    answer = browser.post(f"{PAGE}{connection.pk}/test/", follow=True)
    assert "The CRM answers" in answer.content.decode()
    text = browser.get(f"{PAGE}{connection.pk}/edit/").content.decode()
    assert "good-token" not in text
    details = [
        event.detail.data for event in Event.objects.filter(subject_kind="crm").select_related("detail")
    ]
    assert "good-token" not in str(details)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"access_token": ""}, "Enter what the CRM lets you in by"),
        ({"base_url": "https://10.0.0.1:22"}, "cannot be called"),
        ({"filter_field": "type"}, "Enter field and value"),
        ({"quota_percent": "0"}, "greater than or equal to 1"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    changed: dict[str, str], said: str, browser: Client, fake: FakeHubSpot
) -> None:
    form = {"name": "Ours", "base_url": fake.url, "access_token": "good-token", "quota_percent": "80"}
    answer = browser.post(f"{PAGE}new/hubspot/", form | changed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not CrmConnection.objects.exists()


def test_a_new_address_gets_no_old_credentials(browser: Client, desk: Desk) -> None:
    form = {"name": "HubSpot", "base_url": "https://evil.example", "quota_percent": "80"}
    answer = browser.post(f"{PAGE}{desk.connection.pk}/edit/", form)
    assert answer.status_code == 422
    assert "once more" in answer.content.decode()


def test_the_field_map_is_edited(browser: Client, desk: Desk) -> None:
    url = f"{PAGE}{desk.connection.pk}/fields/"
    page = browser.get(url).content.decode()
    assert 'value="next_step"' in page
    assert '<option value="cs_ops_id">' in page
    form = {
        "account.name": "name", "owner.account.name": "newest", "account.id": "cs_ops_id", "owner.account.id": "us",
    }  # fmt: skip
    assert browser.post(url, form).status_code == 302
    rows = CrmField.objects.filter(connection=desk.connection).values_list("ours", "theirs", "owner")
    assert sorted(rows) == [("id", "cs_ops_id", "us"), ("name", "name", "newest")]
    refused = browser.post(url, {"account.id": "cs_ops_id", "owner.account.id": "crm"})
    assert refused.status_code == 422
    assert "computed here" in refused.content.decode()
    twice = browser.post(url, {"account.name": "name", "account.domain": "name"})
    assert "named twice" in twice.content.decode()


def test_a_connection_is_active_only_when_proven(browser: Client, desk: Desk) -> None:
    states = CrmConnection.State
    assert desk.connection.state == states.NOT_STARTED
    remote = desk.fake.add("account", name="Halden", arr__c="1200")
    desk.sync()
    desk.sync()
    desk.connection.refresh_from_db()
    assert desk.connection.state == states.UNPROVEN
    check = desk.check()
    assert (check.gaps, desk.connection.state) == (0, states.ACTIVE)
    result = check.results["account"]
    assert (result["ours"], result["theirs"], result["linked"], result["in_step"]) == (1, 1, 1, 1)
    assert result["sums"] == {"EUR": ["1200", "1200"]}
    assert result["id_digests"][0] == result["id_digests"][1]
    # Somebody makes a customer here that is not there, and the CRM loses one.
    Account.objects.create(name="Only here")
    desk.fake.rows["account"].pop(remote)
    desk.fake.add("account", remote_id="9000", name="x" * 300)
    check = desk.check()
    kinds = {(gap.kind, gap.label[:9]) for gap in CrmGap.objects.all()}
    assert kinds == {("only_here", "Only here"), ("gone", "Halden"), ("only_there", "xxxxxxxxx")} - (
        set() if check.results["account"]["in_flight"] == 0 else {("only_there", "xxxxxxxxx")}
    )
    assert desk.connection.state == states.GAPS
    digests = check.results["account"]["id_digests"]
    assert digests[0] != digests[1]
    text = browser.get(f"{PAGE}{desk.connection.pk}/").content.decode()
    assert "Only here" in text
    assert "differ" in text


def test_a_difference_that_no_event_told_is_found_and_mended(desk: Desk) -> None:
    desk.fake.add("account", name="Halden", arr__c="1200")
    desk.sync()
    desk.sync()
    Account.objects.update(arr=5)
    check = desk.check()
    assert check.results["account"]["sums"] == {"EUR": ["5.00", "1200"]} or check.gaps == 1
    gap = CrmGap.objects.get()
    assert (gap.kind, gap.fields) == ("differs", {"arr": ["5", "1200"]})
    desk.sync()
    assert desk.check().gaps == 0
    assert Account.objects.get().arr == 1200
    assert not CrmGap.objects.exists()


def test_accepted_gaps_spoil_no_proof(browser: Client, desk: Desk) -> None:
    desk.fake.add("account", name="Halden", arr__c="0")
    desk.sync()
    desk.sync()
    Account.objects.create(name="Pilot")
    desk.check()
    url = f"{PAGE}{desk.connection.pk}/accept/"
    browser.post(url, {"kind": "only_here", "because": ""})
    assert CrmGap.objects.filter(accepted_at=None).count() == 1
    browser.post(url, {"kind": "only_here", "because": "no contract yet"})
    desk.connection.refresh_from_db()
    assert desk.connection.state == CrmConnection.State.ACTIVE
    assert desk.check().accepted == 1
    assert desk.connection.state == CrmConnection.State.ACTIVE
    Account.objects.create(name="Another")
    assert desk.check().gaps == 1
    assert desk.connection.state == CrmConnection.State.GAPS


def test_errors_are_shown_and_tried_again(browser: Client, desk: Desk) -> None:
    remote = desk.fake.add("account", name="Halden", arr__c="lots")
    desk.sync()
    url = f"{PAGE}{desk.connection.pk}/"
    text = browser.get(f"{url}?list=errors").content.decode()
    assert "is no number" in text
    assert "arr__c" in text
    desk.map(("account", "name", "name", "crm"))
    answer = browser.post(f"{url}retry/", {"list": "errors"}, follow=True)
    assert answer.status_code == 200
    desk.sync()
    assert desk.record(remote).state == "applied"


def test_conflicts_are_shown(browser: Client, desk: Desk) -> None:
    desk.fake.add("account", name="Halden", arr__c="0")
    desk.sync()
    update_account(account=Account.objects.get(), values={"name": "Mine"}, by=system_viewer("page"))
    desk.sync()
    text = browser.get(f"{PAGE}{desk.connection.pk}/?list=conflicts").content.decode()
    assert "here “Mine”, there “Halden”" in text
    partial = browser.get(f"{PAGE}{desk.connection.pk}/", headers={"hx-request": "true"}).content.decode()
    assert partial.lstrip().startswith('<div id="crm"')


def test_the_page_costs_the_same_for_any_number(browser: Client, desk: Desk) -> None:
    def cost() -> int:
        with CaptureQueriesContext(database) as queries:
            assert browser.get(f"{PAGE}{desk.connection.pk}/").status_code == 200
        return len(queries)

    desk.fake.add("account", name="One", arr__c="1")
    desk.sync()
    desk.check()
    before = cost()
    for n in range(8):
        desk.fake.add("account", name=f"Company {n}", arr__c="1")
        Account.objects.create(name=f"Here {n}")
    desk.sync()
    desk.check()
    assert CrmCheck.objects.count() == 2
    assert cost() == before


def test_switching_off_and_disconnecting(browser: Client, desk: Desk) -> None:
    desk.fake.add("account", name="Halden", arr__c="0")
    desk.sync()
    url = f"{PAGE}{desk.connection.pk}/"
    browser.post(f"{url}switch/")
    desk.connection.refresh_from_db()
    assert desk.connection.state == CrmConnection.State.OFF
    calls = len(desk.fake.calls)
    desk.sync()
    assert len(desk.fake.calls) == calls
    browser.post(f"{url}delete/")
    assert not CrmConnection.objects.exists()
    assert Account.objects.filter(name="Halden").exists()


def test_rest_tells_how_it_stands_and_starts_work(desk: Desk, api: Any) -> None:
    rest = api("crm:manage")
    assert api("webhooks:manage").get("/api/v1/crms/").status_code == 403
    [listed] = rest.get("/api/v1/crms/").json()["results"]
    assert (listed["name"], listed["state"]) == ("Hubspot", "not_started")
    assert "credentials" not in listed
    assert "token" not in listed
    here = f"/api/v1/crms/{desk.connection.pk}/"
    desk.fake.add("account", name="Halden", arr__c="1200")
    bad = desk.fake.add("account", name="Wrong", arr__c="lots")
    assert rest.post(f"{here}sync/").status_code == 202
    desk.sync()
    standing = rest.get(here).json()
    assert standing["objects"][0]["records"] == {"applied": 1, "failed": 1}
    [failed] = rest.get(f"{here}records/").json()["results"]
    assert (failed["remote_id"], "arr__c" in failed["error"]) == (bad, True)
    assert rest.post(f"{here}records/retry/", {"ids": [failed["id"]]}).json() == {"count": 1}
    Account.objects.create(name="Only here")
    desk.sync()
    assert rest.post(f"{here}compare/").status_code == 202
    desk.check()
    gaps = rest.get(f"{here}gaps/", {"kind": "only_here"}).json()["results"]
    assert [gap["label"] for gap in gaps] == ["Only here"]
    refused = rest.post(f"{here}gaps/accept/", {"because": "a pilot"})
    assert list(refused.json()["errors"]) == ["kind"]
    accepted = rest.post(f"{here}gaps/accept/", {"because": "a pilot", "ids": [gaps[0]["id"]]})
    assert accepted.json() == {"count": 1}
    assert rest.get(f"{here}conflicts/").json()["results"] == []


def test_rest_replaces_the_field_map(desk: Desk, api: Any) -> None:
    rest = api("crm:manage")
    url = f"/api/v1/crms/{desk.connection.pk}/fields/"
    assert len(rest.get(url).json()) == 3
    pair = {"object": "account", "ours": "name", "theirs": "name", "owner": "us"}
    assert rest.put(url, {"pairs": [pair]}).json() == [pair]
    refused = rest.put(url, {"pairs": [pair | {"ours": "nothing"}]})
    assert refused.status_code == 400
    assert list(refused.json()["errors"]) == ["pairs"]
    assert rest.get("/api/v1/crms/987654/fields/").status_code == 404
