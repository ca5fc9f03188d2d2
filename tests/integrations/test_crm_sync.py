"""Reading a CRM and writing to it: matching, owners, echoes, limits, kills. Each test speaks to a server on this machine."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Job, Outbound
from customers.models import Account, Contact, Subscription
from customers.registry import personal_data
from customers.services.define_trait import define_trait
from customers.services.merge_accounts import merge_accounts, unmerge_accounts
from customers.services.name_account import add_external_id
from customers.services.save_account import update_account
from customers.services.set_traits import set_account_traits
from integrations.crm.systems.hubspot import HubSpot
from integrations.models import CrmConflict, CrmConnection, CrmLink, CrmRecord, CrmStream
from integrations.services import sync_crm
from integrations.services.retry_crm import retry_crm_records
from people.models import User
from people.viewer import system_viewer
from tests.integrations.crm_desk import Desk, connect
from tests.integrations.crm_fakes import FakeCrm, FakeHubSpot, FakeSalesforce, running

FIELDS = {
    "hubspot": {"name": "name", "domain": "domain", "title": "jobtitle", "step": "next_step", "tier": "tier"},
    "salesforce": {
        "name": "Name",
        "domain": "Website",
        "title": "Title",
        "step": "Next__c",
        "tier": "Tier__c",
    },
}


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubSpot, "search_seconds", 0.0)


@pytest.fixture(params=["hubspot", "salesforce"])
def system(request: pytest.FixtureRequest) -> str:
    """Both kinds."""
    return str(request.param)


@pytest.fixture
def fake(system: str, settings: Any) -> Iterator[FakeCrm]:
    """A CRM."""
    with running(settings, FakeHubSpot() if system == "hubspot" else FakeSalesforce()) as found:
        yield found


@pytest.fixture
def desk(fake: FakeCrm, system: str, admin: User, pump: Any) -> Desk:
    """A connection with a map of each owner."""
    found = connect(fake, admin, pump, system)
    names = FIELDS[system]
    found.map(
        ("account", "name", names["name"], "crm"),
        ("account", "domain", names["domain"], "crm"),
        ("account", "next_step", names["step"], "us"),
        ("account", "timezone", "tz__c", "newest"),
        ("contact", "email", "email" if system == "hubspot" else "Email", "crm"),
        ("contact", "title", names["title"], "crm"),
        ("subscription", "product", "dealname" if system == "hubspot" else "Name", "crm"),
        ("subscription", "arr", "amount" if system == "hubspot" else "Amount", "crm"),
    )
    return found


def company(desk: Desk, name: str, **values: Any) -> str:
    """Add a company there."""
    names = FIELDS[desk.connection.system]
    return desk.fake.add("account", **{names["name"]: name, "tz__c": "UTC", **values})


def ours(name: str) -> Account:
    return Account.objects.get(name=name)


def test_a_first_pass_brings_companies_people_and_won_deals(desk: Desk, system: str) -> None:
    ids = [company(desk, f"Company {n}") for n in range(5)]
    parent = {"associatedcompanyid": ids[0]} if system == "hubspot" else {"AccountId": ids[0]}
    mail = "email" if system == "hubspot" else "Email"
    desk.fake.add("contact", **parent, **{mail: "ana@one.example", FIELDS[system]["title"]: "CTO"})
    deal = (
        {"dealname": "Suite", "amount": "1200.50", "hs_primary_associated_company": ids[0]}
        if system == "hubspot"
        else {"Name": "Suite", "Amount": 1200.5, "AccountId": ids[0]}
    )
    won = "hs_is_closed_won" if system == "hubspot" else "IsWon"
    desk.fake.add("subscription", **deal, **{won: "true" if system == "hubspot" else True})
    open_deal = desk.fake.add("subscription", **deal, **{won: "false" if system == "hubspot" else False})
    job = desk.read()
    assert job.state == Job.State.DONE, job.result
    assert job.result.get("error") is None
    assert Account.objects.count() == 5
    account = ours("Company 0")
    assert list(account.external_ids.values_list("source", "value")) == [(system, ids[0])]
    assert Contact.objects.get(account=account).title == "CTO"
    assert Subscription.objects.get(account=account).arr == Decimal("1200.50")
    assert (desk.record(open_deal).state, "not won" in desk.record(open_deal).error) == ("left", True)
    # what is kept raw is what came
    assert desk.record(ids[0]).raw.get("id" if system == "hubspot" else "Id") == ids[0]


def test_a_second_pass_changes_nothing(desk: Desk) -> None:
    company(desk, "Halden")
    desk.sync()
    desk.sync()
    before = (Event.objects.exclude(verb__startswith="core.").count(), len(desk.fake.writes))
    stamps = list(CrmRecord.objects.values_list("attempts", flat=True))
    desk.sync()
    assert (Event.objects.exclude(verb__startswith="core.").count(), len(desk.fake.writes)) == before
    assert list(CrmRecord.objects.values_list("attempts", flat=True)) == stamps


def test_what_the_crm_owns_is_put_back_here(desk: Desk) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    update_account(account=ours("Halden"), values={"name": "Mine"}, by=system_viewer("page"))
    desk.sync()
    assert Account.objects.get().name == "Halden"
    conflict = CrmConflict.objects.get()
    assert (conflict.field, conflict.ours, conflict.theirs, conflict.kept) == (
        "name",
        "Mine",
        "Halden",
        "crm",
    )
    assert desk.fake.rows["account"][remote].values[FIELDS[desk.connection.system]["name"]] == "Halden"


def test_what_we_own_is_sent_and_its_echo_does_nothing(desk: Desk) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    update_account(account=ours("Halden"), values={"next_step": "Call Mette"}, by=system_viewer("page"))
    desk.sync()
    step = FIELDS[desk.connection.system]["step"]
    assert desk.fake.rows["account"][remote].values[step] == "Call Mette"
    assert len(desk.fake.writes) == 1
    events = Event.objects.filter(verb="customers.account_changed").count()
    desk.sync()
    desk.sync()
    assert len(desk.fake.writes) == 1
    assert Event.objects.filter(verb="customers.account_changed").count() == events
    assert Outbound.objects.filter(kind="integrations.crm_write").count() == 1


def test_a_value_that_they_cut_off_is_not_sent_again_and_again(desk: Desk, monkeypatch: Any) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    step, whole = FIELDS[desk.connection.system]["step"], desk.fake.written

    def cut(kind: str, remote_id: str, values: dict[str, Any]) -> None:
        whole(kind, remote_id, {name: str(value)[:4] for name, value in values.items()})

    monkeypatch.setattr(desk.fake, "written", cut)
    update_account(account=ours("Halden"), values={"next_step": "Call Mette"}, by=system_viewer("page"))
    for _ in range(3):
        desk.sync()
    assert desk.fake.rows["account"][remote].values[step] == "Call"
    assert len(desk.fake.writes) == 1
    assert ours("Halden").next_step == "Call Mette"


def test_the_newest_of_two_changes_holds(desk: Desk) -> None:
    first, second = company(desk, "First"), company(desk, "Second")
    desk.sync()
    for name in ("First", "Second"):
        update_account(account=ours(name), values={"timezone": "Europe/Oslo"}, by=system_viewer("page"))
    now = timezone.now()
    desk.fake.edit("account", first, at=now - timedelta(hours=1), tz__c="Asia/Tokyo")
    desk.fake.edit("account", second, at=now + timedelta(hours=1), tz__c="Asia/Tokyo")
    desk.sync()
    assert (ours("First").timezone, ours("Second").timezone) == ("Europe/Oslo", "Asia/Tokyo")
    assert desk.fake.rows["account"][first].values["tz__c"] == "Europe/Oslo"
    assert dict(CrmConflict.objects.values_list("kept", "owner")) == {"us": "newest", "crm": "newest"}


def test_an_older_state_that_comes_later_is_left(desk: Desk) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    name = FIELDS[desk.connection.system]["name"]
    desk.fake.edit("account", remote, **{name: "New name"})
    desk.sync()
    row = desk.fake.rows["account"][remote]
    # a replica that lags hands out the state before
    row.values[name], row.modified_at = "Halden", row.modified_at - timedelta(seconds=30)
    CrmStream.objects.update(watermark=None)
    desk.sync()
    assert Account.objects.get().name == "New name"


def test_what_changes_while_a_pass_goes_on_is_read_by_the_next(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr("integrations.crm.systems.hubspot.PAGE", 2)
    ids = [company(desk, f"Company {n}") for n in range(3)]
    name = FIELDS[desk.connection.system]["name"]
    job = sync_crm.start_crm_sync(connection=desk.connection, by=system_viewer())
    sync_crm.take_step(job=_claimed(job), connection=desk.connection, kind="account", step="changed")
    Job.objects.filter(pk=job.pk).update(leased_until=None)
    # behind the back of the pass, long before something else that it still sees
    desk.fake.edit("account", ids[0], **{name: "Renamed"})
    desk.fake.tick(1200)
    desk.fake.edit("account", ids[2], **{name: "Late"})
    run_jobs("batch")
    desk.sync()
    desk.sync()
    assert set(Account.objects.values_list("name", flat=True)) >= {"Renamed", "Late"}


def _claimed(job: Job) -> Job:
    """A job as a worker holds it."""
    Job.objects.filter(pk=job.pk).update(state="running", lease_token="mine")
    job.refresh_from_db()
    return job


def test_a_killed_worker_loses_one_page(desk: Desk, monkeypatch: Any) -> None:
    for n in range(7):
        company(desk, f"Company {n}")
    monkeypatch.setattr("integrations.crm.systems.hubspot.PAGE", 2)
    stored = sync_crm.store_crm_records
    calls = []

    def dies(**values: Any) -> Any:
        calls.append(1)
        found = stored(**values)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(sync_crm, "store_crm_records", dies)
    job = sync_crm.start_crm_sync(connection=desk.connection, by=system_viewer())
    with pytest.raises(KeyboardInterrupt):
        run_jobs("batch")
    assert CrmRecord.objects.count() == 2
    Job.objects.filter(pk=job.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    run_jobs("batch")
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    assert Account.objects.count() == 7


def test_a_pass_waits_where_the_crm_asks_for_it(desk: Desk, system: str) -> None:
    company(desk, "Halden")
    if system == "hubspot":
        desk.fake.fail_next(
            (429, {"Retry-After": "7"}, {"message": "too many", "policyName": "TEN_SECONDLY_ROLLING"})
        )
    else:
        desk.fake.fail_next(
            (403, {}, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "used up"}]), where="query"
        )
    job = desk.read()
    assert job.state == Job.State.RUNNING
    assert job.not_before is not None
    assert job.not_before > timezone.now()
    desk.connection.refresh_from_db()
    assert desk.connection.state == CrmConnection.State.WAITING
    calls = len(desk.fake.calls)
    run_jobs("batch")
    assert len(desk.fake.calls) == calls
    desk.go_on()
    run_jobs("batch")
    assert Account.objects.count() == 1


def test_a_share_of_the_quota_is_left_to_others(settings: Any, admin: User, pump: Any) -> None:
    fake = FakeSalesforce()
    fake.used, fake.limit = 790, 1000
    with running(settings, fake):
        desk = connect(fake, admin, pump, "salesforce")
        for n in range(40):
            fake.add("account", Name=f"Company {n}")
        job = desk.read()
        desk.connection.refresh_from_db()
        assert desk.connection.quota["used"] >= 800
        assert fake.used < 805
        assert job.not_before is not None
        assert "for others" in desk.connection.pause_reason


def test_an_expired_token_is_replaced(settings: Any, admin: User, pump: Any) -> None:
    with running(settings, FakeSalesforce()) as fake:
        desk = connect(fake, admin, pump, "salesforce")
        fake.add("account", Name="Halden")
        desk.read()
        fake.token = "another"
        fake.add("account", Name="Later")
        desk.read()
        assert Account.objects.count() == 2
        assert len([call for call in fake.calls if call.path == "/services/oauth2/token"]) == 2
        desk.connection.refresh_from_db()
        assert "another" not in desk.connection.token
        assert "secret" not in desk.connection.credentials


def test_a_refused_sign_in_is_said_and_nothing_hammers(settings: Any, admin: User, pump: Any) -> None:
    with running(settings, FakeHubSpot()) as fake:
        desk = connect(fake, admin, pump, "hubspot")
        fake.token = "another"
        job = desk.read()
        assert "Authentication" in job.result["error"]
        desk.connection.refresh_from_db()
        assert desk.connection.state == CrmConnection.State.REFUSED
        assert sync_crm.start_due_crm_work() == 0


def test_a_lost_place_in_a_list_is_found_again(settings: Any, admin: User, pump: Any) -> None:
    with running(settings, FakeSalesforce()) as fake:
        desk = connect(fake, admin, pump, "salesforce")
        for n in range(5):
            fake.add("account", Name=f"Company {n}")
        fake.fail_next(
            (400, {}, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "gone"}]), where="/query/"
        )
        desk.read()
        assert Account.objects.count() == 5


def test_a_server_in_trouble_is_asked_again(desk: Desk) -> None:
    company(desk, "Halden")
    desk.fake.fail_next((503, {}, {}))
    job = desk.read()
    assert job.state == Job.State.RUNNING
    desk.connection.refresh_from_db()
    assert desk.connection.state == CrmConnection.State.FAILING
    desk.go_on()
    run_jobs("batch")
    desk.connection.refresh_from_db()
    assert (Account.objects.count(), desk.connection.last_error) == (1, "")


def test_a_deleted_record_is_left_here_and_gets_nothing_any_more(desk: Desk) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    desk.fake.tick(7200)
    company(desk, "Other")
    desk.fake.delete("account", remote)
    desk.fake.tick(7200)
    company(desk, "Third")
    desk.sync()
    assert desk.link(remote).state == CrmLink.State.GONE
    update_account(account=ours("Halden"), values={"next_step": "Call"}, by=system_viewer("page"))
    desk.sync()
    assert desk.fake.writes == []


def test_half_of_a_batch_is_refused(desk: Desk) -> None:
    ids = [company(desk, f"Company {n}") for n in range(3)]
    desk.sync()
    desk.fake.refuses[ids[1]] = "Next step is locked"
    for account in Account.objects.all():
        update_account(account=account, values={"next_step": "Call"}, by=system_viewer("page"))
    desk.sync()
    step = FIELDS[desk.connection.system]["step"]
    held = [desk.fake.rows["account"][one].values.get(step) for one in ids]
    assert held == ["Call", None, "Call"]
    assert "locked" in desk.link(ids[1]).push_error
    assert desk.link(ids[0]).push_error == ""
    # it is shown, and not sent again until somebody says so
    desk.sync()
    assert len(desk.fake.writes) == 2
    desk.fake.refuses.clear()
    assert retry_crm_records(connection=desk.connection, by=desk.admin.as_viewer()) == 1
    desk.sync()
    assert desk.fake.rows["account"][ids[1]].values[step] == "Call"
    assert desk.link(ids[1]).push_error == ""


def test_a_writer_that_dies_between_two_records_writes_none_twice(desk: Desk) -> None:
    ids = [company(desk, f"Company {n}") for n in range(2)]
    desk.sync()
    for account in Account.objects.all():
        update_account(account=account, values={"next_step": "Call"}, by=system_viewer("page"))
    desk.read()
    step = FIELDS[desk.connection.system]["step"]
    # the first had arrived when the line broke
    desk.fake.edit("account", ids[0], **{step: "Call"})
    desk.fake.fail_next(
        (0, {}, None), where="batch/update" if desk.connection.system == "hubspot" else "composite/sobjects"
    )
    desk.send()
    desk.go_on()
    desk.send()
    assert [one for one, _values in desk.fake.writes] == [ids[1]]


def test_a_change_that_comes_between_reading_and_writing_is_not_overwritten(desk: Desk) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    update_account(account=ours("Halden"), values={"timezone": "Europe/Oslo"}, by=system_viewer("page"))
    desk.read()
    desk.fake.edit("account", remote, at=timezone.now() + timedelta(hours=1), tz__c="Asia/Tokyo")
    desk.send()
    assert desk.fake.writes == []
    desk.sync()
    assert ours("Halden").timezone == "Asia/Tokyo"


def test_a_record_that_fails_is_shown_and_can_be_tried_again(desk: Desk) -> None:
    names = FIELDS[desk.connection.system]
    good, bad = company(desk, "Good"), company(desk, "x" * 300)
    desk.sync()
    row = desk.record(bad)
    assert row.state == CrmRecord.State.FAILED
    assert "name" in row.error
    assert desk.record(good).state == CrmRecord.State.APPLIED
    desk.fake.edit("account", bad, **{names["name"]: "Short"})
    desk.sync()
    assert desk.record(bad).state == CrmRecord.State.APPLIED
    assert ours("Short")


def test_nobody_is_made_unless_that_is_wanted_and_people_wait_for_their_company(
    fake: FakeCrm, system: str, admin: User, pump: Any
) -> None:
    desk = connect(fake, admin, pump, system, creates_missing=False)
    names = FIELDS[system]
    remote = fake.add(
        "account",
        **{
            names["name"]: "Halden",
            names["domain"]: "https://www.halden.example/no" if system == "salesforce" else "halden.example",
        },
    )
    desk.sync()
    assert desk.record(remote).state == CrmRecord.State.UNMATCHED
    assert not Account.objects.exists()
    known = Account.objects.create(name="Halden AS", domain="halden.example")
    retry_crm_records(connection=desk.connection, by=admin.as_viewer(), state="unmatched")
    desk.sync()
    assert desk.link(remote).local_id == known.pk
    known.refresh_from_db()
    assert known.name == "Halden"


def test_two_systems_beside_each_other(settings: Any, admin: User, pump: Any) -> None:
    fakes = (FakeHubSpot(), FakeSalesforce())
    with running(settings, fakes[0]):
        first_allowed = list(settings.GUARDED_HTTP_ALLOW)
        with running(settings, fakes[1]):
            settings.GUARDED_HTTP_ALLOW = [*first_allowed, *settings.GUARDED_HTTP_ALLOW]
            hubspot = connect(fakes[0], admin, pump, "hubspot")
            hubspot.map(("account", "name", "name", "crm"), ("account", "domain", "domain", "crm"))
            salesforce = connect(fakes[1], admin, pump, "salesforce", creates_missing=False)
            salesforce.map(("account", "name", "Name", "us"), ("account", "domain", "Website", "newest"))
            one = fakes[0].add("account", name="Halden", domain="halden.example")
            other = fakes[1].add("account", Name="Halden Inc", Website="halden.example")
            hubspot.sync()
            salesforce.sync()
            assert fakes[1].rows["account"][other].values["Name"] == "Halden"
            fakes[0].edit("account", one, name="Halden AS")
            hubspot.sync()
            salesforce.sync()
            assert fakes[1].rows["account"][other].values["Name"] == "Halden AS"


def test_traits_are_kept_in_step_like_other_fields(desk: Desk, admin: User) -> None:
    for key, kind in (("region", "choice"), ("score", "number"), ("reference", "bool")):
        define_trait(
            target="account", key=key, label=key.title(), kind=kind, by=admin.as_viewer(),
            choices=["north", "south"] if kind == "choice" else (),
        )  # fmt: skip
    desk.map(
        ("account", "name", FIELDS[desk.connection.system]["name"], "crm"),
        ("account", "traits.region", "region__c", "crm"),
        ("account", "traits.score", "score__c", "us"),
        ("account", "traits.reference", "reference__c", "newest"),
    )
    remote = company(desk, "Halden", region__c="North", reference__c="true")
    desk.sync()
    assert ours("Halden").traits == {"region": "north", "reference": True}
    set_account_traits(
        account=ours("Halden"), values={"score": 4.50, "reference": False}, by=system_viewer("page")
    )
    desk.sync()
    assert {name: desk.fake.rows["account"][remote].values[name] for name in ("score__c", "reference__c")} == {
        "score__c": "4.5", "reference__c": "false",
    }  # fmt: skip
    desk.fake.edit("account", remote, region__c="west")
    desk.sync()
    assert "none of north, south" in desk.record(remote).error


def test_a_customer_is_known_by_the_id_of_the_system(desk: Desk) -> None:
    remote = company(desk, "Halden")
    account = Account.objects.create(name="Known by another name")
    add_external_id(account=account, source=desk.connection.system, value=remote, by=system_viewer())
    desk.sync()
    assert desk.link(remote).local_id == account.pk
    assert Account.objects.count() == 1


def test_a_merged_account_takes_its_link_along(desk: Desk, admin: User) -> None:
    remote = company(desk, "Halden")
    desk.sync()
    target = Account.objects.create(name="Halden Group")
    merge = merge_accounts(source=ours("Halden"), target=target, by=admin.as_viewer())
    assert desk.link(remote).local_id == target.pk
    desk.sync()
    target.refresh_from_db()
    assert target.name == "Halden"
    unmerge_accounts(merge=merge, by=admin.as_viewer())
    assert desk.link(remote).local_id != target.pk


def test_an_erased_person_does_not_come_back(desk: Desk, admin: User, system: str) -> None:
    parent = company(desk, "Halden")
    names = {"associatedcompanyid": parent} if system == "hubspot" else {"AccountId": parent}
    mail, title = "email" if system == "hubspot" else "Email", FIELDS[system]["title"]
    remote = desk.fake.add("contact", **names, **{mail: "ana@one.example", title: "CTO"})
    desk.sync()
    contact = Contact.objects.get()
    part = personal_data.get("crm")
    [told] = part.export([contact.pk])["crm"]
    assert (told["id"], "CTO" in str(told["record"])) == (remote, True)
    assert part.erase([contact.pk]) == {"crm_records": 1}
    assert part.export([contact.pk])["crm"][0]["record"] is None
    desk.fake.edit("contact", remote, **{title: "CEO"})
    desk.sync()
    assert not CrmRecord.objects.filter(remote_id=remote).exists()
    contact.refresh_from_db()
    assert contact.title == "CTO"
