"""Accounts and contacts over REST, and the services behind them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event
from customers.identities import Identity
from customers.models import Account, ConsentEvent, Contact, ContactIdentity, RevenueMovement
from customers.selectors import consent_of
from customers.services.end_accounts import end_accounts
from customers.services.log_touch import log_touch
from customers.services.merge_contacts import merge_contacts, unmerge_contacts
from customers.services.record_consent import record_consent
from customers.services.record_revenue import record_revenue_movement
from customers.services.save_contact import create_contact, identify_contact
from customers.services.save_subscription import save_subscription
from people.models import User
from people.viewer import Viewer, contact_viewer, system_viewer


@pytest.fixture
def writer(api: Callable[..., APIClient]) -> APIClient:
    """A CRM's client."""
    return api("accounts:read", "accounts:write")


def test_create_read_change_list(writer: APIClient, csm: User) -> None:
    made = writer.post(
        "/api/v1/accounts/",
        {
            "name": "Birch Labs",
            "domain": "BIRCH.example",
            "external_id": "b-1",
            "arr": "41000",
            "csm": csm.pk,
        },
    )
    assert made.status_code == 201
    assert made.json()["domain"] == "birch.example"
    assert made.json()["csm"] == {"id": csm.pk, "name": csm.name}
    assert made.json()["health"]["band"] == "unknown"
    url = f"/api/v1/accounts/{made.json()['id']}/"
    changed = writer.patch(url, {"tier": "growth", "csm": None})
    assert (changed.json()["tier"], changed.json()["csm"], changed.json()["name"]) == (
        "growth",
        None,
        "Birch Labs",
    )
    event = Event.objects.get(verb="customers.account_changed")
    assert event.detail.data == {"changed": {"tier": ["starter", "growth"], "csm_id": [csm.pk, None]}}
    writer.patch(url, {"tier": "growth"})
    assert Event.objects.filter(verb="customers.account_changed").count() == 1
    found = writer.get("/api/v1/accounts/?search=birch&tier=growth&owner=none").json()["results"]
    assert [row["id"] for row in found] == [made.json()["id"]]
    assert writer.get("/api/v1/accounts/?external_id=b-1").json()["results"][0]["name"] == "Birch Labs"
    assert writer.get("/api/v1/accounts/?band=purple").status_code == 400


def test_refusals_name_the_field(writer: APIClient, account: Account) -> None:
    Account.objects.create(name="Twin", external_id="t-1")
    for body, field in (
        ({"domain": "x.example"}, "name"),
        ({"name": "X", "tier": "gold"}, "tier"),
        ({"name": "X", "external_id": "t-1"}, "external_id"),
        ({"name": "X", "arr": "much"}, "arr"),
        ({"name": "X", "csm": 999_999}, "csm"),
    ):
        answer = writer.post("/api/v1/accounts/", body)
        assert (answer.status_code, field in answer.json()["errors"]) == (400, True), body


def test_permissions(api: Callable[..., APIClient], account: Account) -> None:
    assert api("tickets:read").get("/api/v1/accounts/").status_code == 403
    assert api("accounts:read").post("/api/v1/accounts/", {"name": "X"}).status_code == 403
    assert api("accounts:read").get(f"/api/v1/accounts/{account.pk}/").status_code == 200
    assert APIClient().get("/api/v1/accounts/").status_code == 401


def test_health_is_for_who_may_read_it(api: Callable[..., APIClient], account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(health_score=31, health_band="at_risk", value_at_risk=5000)
    key, knowing = api("accounts:write"), api("accounts:write", "health:read")
    for path in ("/api/v1/accounts/", f"/api/v1/accounts/{account.pk}/"):
        hidden, shown = key.get(path).json(), knowing.get(path).json()
        if "results" in hidden:
            hidden, shown = hidden["results"][0], shown["results"][0]
        assert hidden["health"] is None
        assert shown["health"]["band"] == "at_risk"
    refused = key.get("/api/v1/accounts/?band=at_risk")
    assert refused.status_code == 400
    assert "health.view" in str(refused.json()["errors"]["band"])
    assert knowing.get("/api/v1/accounts/?band=at_risk").json()["results"]
    assert key.patch(f"/api/v1/accounts/{account.pk}/", {"seats": 5}).json()["health"] is None


def test_contacts_over_rest(writer: APIClient, account: Account, contact: Contact) -> None:
    made = writer.post(
        "/api/v1/contacts/", {"account": account.pk, "name": "Ola", "email": "Ola@halden.example"}
    )
    assert made.status_code == 201
    assert made.json()["emails"] == ["ola@halden.example"]
    url = f"/api/v1/contacts/{made.json()['id']}/"
    assert writer.patch(url, {"role": "champion", "email": "ola@home.example"}).json()["emails"] == [
        "ola@halden.example",
        "ola@home.example",
    ]
    taken = writer.post("/api/v1/contacts/", {"name": "Two", "email": "mette@halden.example"})
    assert (taken.status_code, "email" in taken.json()["errors"]) == (400, True)
    assert Contact.objects.filter(name="Two").count() == 0
    found = writer.get("/api/v1/contacts/?email=OLA@home.example").json()["results"]
    assert [row["name"] for row in found] == ["Ola"]
    merged = writer.post(f"{url}merge/", {"into": contact.pk})
    assert set(merged.json()["emails"]) == {"mette@halden.example", "ola@halden.example", "ola@home.example"}
    back = writer.delete(f"{url}merge/")
    assert back.json()["emails"] == ["ola@halden.example", "ola@home.example"]


def test_merges_can_be_taken_back_in_any_order(account: Account, contact: Contact, csm: User) -> None:
    by = csm.as_viewer()
    first = create_contact(values={"name": "A", "account_id": account.pk}, email="a@x.example", by=by)
    second = create_contact(values={"name": "B", "account_id": account.pk}, email="b@x.example", by=by)
    merge_contacts(source=first, target=second, by=by)
    merge_contacts(source=second, target=contact, by=by)
    assert contact.identities.count() == 3
    with pytest.raises(ValidationError):
        merge_contacts(source=contact, target=second, by=by)
    with pytest.raises(ValidationError):
        merge_contacts(source=contact, target=contact, by=by)
    unmerge_contacts(source=first, by=by)
    unmerge_contacts(source=second, by=by)
    owners = dict(ContactIdentity.objects.values_list("value", "contact__name"))
    assert owners == {"a@x.example": "A", "b@x.example": "B", "mette@halden.example": "Mette Aas"}
    with pytest.raises(ValidationError):
        unmerge_contacts(source=first, by=by)


def test_identify_contact_finds_or_makes(account: Account, contact: Contact, viewer: Viewer) -> None:
    assert identify_contact(identity=Identity.email(" METTE@halden.example"), by=viewer) == contact
    new = identify_contact(identity=Identity.email("kai@halden.example"), name="Kai", by=viewer)
    assert (new.account_id, new.name) == (account.pk, "Kai")
    assert identify_contact(identity=Identity.email("kai@gmail.com"), by=viewer).account_id is None
    with pytest.raises(ValidationError):
        identify_contact(identity=Identity.email("nonsense"), by=viewer)
    with pytest.raises(PermissionDenied):
        identify_contact(identity=Identity.email("kai@halden.example"), by=Viewer(kind="api_key"))


def test_consent_is_a_ledger(contact: Contact, csm: User, viewer: Viewer) -> None:
    assert consent_of(contact) == ""
    record_consent(contact=contact, status="granted", source="signup", by=csm.as_viewer())
    record_consent(contact=contact, status="granted", source="again", by=csm.as_viewer())
    record_consent(contact=contact, status="withdrawn", source="link", by=contact_viewer(contact.pk, "mail"))
    assert consent_of(contact) == "withdrawn"
    assert ConsentEvent.objects.count() == 2
    with pytest.raises(PermissionDenied):
        record_consent(contact=contact, status="granted", source="x", by=viewer)
    with pytest.raises(PermissionDenied):
        record_consent(
            contact=contact, status="granted", source="x", by=contact_viewer(contact.pk + 1, "mail")
        )


def test_revenue_moves_the_account(account: Account, csm: User) -> None:
    by = csm.as_viewer()
    record_revenue_movement(
        account=account, kind="expansion", amount=Decimal(6000), effective_on=date(2026, 1, 1), by=by
    )
    account.refresh_from_db()
    assert account.arr == 190_000
    with pytest.raises(ValidationError):
        record_revenue_movement(
            account=account, kind="churn", amount=Decimal(1), effective_on=date(2026, 1, 1), by=by
        )
    record_revenue_movement(
        account=account,
        kind="churn",
        amount=-account.arr,
        effective_on=date(2026, 2, 1),
        notice_on=date(2026, 1, 5),
        by=by,
    )
    account.refresh_from_db()
    assert (int(account.arr), account.churned_on, account.lifecycle) == (0, date(2026, 2, 1), "churned")
    kinds = RevenueMovement.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["new", "expansion", "churn"]  # the first is what the account had
    assert Event.objects.filter(verb="customers.revenue_moved", account_id=account.pk).count() == 2


def test_subscriptions_set_the_renewal(account: Account, csm: User) -> None:
    values = {
        "external_id": "s1",
        "product": "Core",
        "arr": 100,
        "starts_on": date(2026, 1, 1),
        "renews_on": date(2027, 1, 1),
    }
    save_subscription(account=account, values=values, by=csm.as_viewer())
    save_subscription(
        account=account, values={**values, "seats": 9, "renews_on": date(2027, 3, 1)}, by=csm.as_viewer()
    )
    account.refresh_from_db()
    assert account.renewal_on == date(2027, 3, 1)
    assert account.subscriptions.get().seats == 9


def test_a_touch_moves_the_last_touch_forward(account: Account, csm: User, viewer: Viewer) -> None:
    event = log_touch(account=account, kind="call", text="Talked about the roll-out.", by=csm.as_viewer())
    account.refresh_from_db()
    assert account.last_touch_at == event.occurred_at
    log_touch(
        account=account,
        kind="call",
        text="Before.",
        by=csm.as_viewer(),
        at=event.occurred_at.replace(year=2025),
    )
    account.refresh_from_db()
    assert account.last_touch_at == event.occurred_at
    with pytest.raises(PermissionDenied):
        log_touch(account=account, kind="call", text="", by=viewer)
    with pytest.raises(ValidationError):
        log_touch(account=account, kind="pigeon", text="", by=system_viewer())


def test_contracts_over_rest(writer: APIClient, account: Account) -> None:
    url = f"/api/v1/accounts/{account.pk}/"
    body = {
        "external_id": "s1",
        "product": "Core",
        "seats": 5,
        "arr": "100.00",
        "starts_on": "2026-01-01",
        "renews_on": "2027-01-01",
    }
    made = writer.post(url + "subscriptions/", body)
    assert made.status_code == 201
    again = writer.post(url + "subscriptions/", {**body, "seats": 9})
    assert (again.json()["id"], again.json()["seats"]) == (made.json()["id"], 9)
    assert [row["seats"] for row in writer.get(url + "subscriptions/").json()] == [9]
    moved = writer.post(
        url + "revenue/", {"kind": "expansion", "amount": "1000", "effective_on": "2026-02-01"}
    )
    assert (moved.status_code, moved.json()["currency"]) == (201, "EUR")
    assert writer.get(url).json()["arr"] == "185100.00"
    refused = writer.post(url + "revenue/", {"kind": "churn", "amount": "1000", "effective_on": "2026-02-01"})
    assert (refused.status_code, "amount" in refused.json()["errors"]) == (400, True)
    assert [row["kind"] for row in writer.get(url + "revenue/").json()] == ["new", "expansion", "expansion"]


def test_a_sum_that_no_column_holds_is_refused(writer: APIClient, account: Account) -> None:
    url = f"/api/v1/accounts/{account.pk}/revenue/"
    gain = {"kind": "expansion", "amount": "600000000000", "effective_on": "2026-02-01"}
    assert writer.post(url, gain).status_code == 201
    refused = writer.post(url, gain)
    assert (refused.status_code, list(refused.data["errors"])) == (400, ["amount"])
    assert account.revenue_movements.count() == 2
    assert writer.get(f"/api/v1/accounts/{account.pk}/").status_code == 200


def test_another_customers_subscription_is_not_taken_over(writer: APIClient, account: Account) -> None:
    other = Account.objects.create(name="Other")
    body = {"external_id": "s1", "product": "Core", "arr": "100.00", "starts_on": "2026-01-01"}
    assert writer.post(f"/api/v1/accounts/{account.pk}/subscriptions/", body).status_code == 201
    taken = writer.post(f"/api/v1/accounts/{other.pk}/subscriptions/", body)
    assert (taken.status_code, "external_id" in taken.json()["errors"]) == (400, True)
    assert other.subscriptions.count() == 0


def test_identities_and_consent_over_rest(
    writer: APIClient, contact: Contact, api: Callable[..., APIClient]
) -> None:
    url = f"/api/v1/contacts/{contact.pk}/"
    added = writer.post(url + "identities/", {"kind": "handle", "value": "@mette"})
    assert (added.status_code, added.json()["identities"][-1]) == (201, {"kind": "handle", "value": "@mette"})
    assert writer.post(url + "identities/", {"kind": "email", "value": "nonsense"}).status_code == 400
    said = writer.post(url + "consent/", {"status": "granted", "source": "sign-up form"})
    assert (said.status_code, said.json()["topic"]) == (201, "success")
    writer.post(url + "consent/", {"status": "withdrawn", "source": "call"})
    assert [row["status"] for row in writer.get(url + "consent/").json()] == ["withdrawn", "granted"]
    assert consent_of(contact) == "withdrawn"
    assert (
        api("accounts:read").post(url + "consent/", {"status": "granted", "source": "x"}).status_code == 403
    )


def test_an_announced_churn_ends_the_account_on_its_day(account: Account, csm: User) -> None:
    by, day = system_viewer("test"), timezone.now().date() + timedelta(days=30)
    record_revenue_movement(
        account=account, kind="churn", amount=Decimal(-100), effective_on=day, by=csm.as_viewer()
    )
    account.refresh_from_db()
    before = account.lifecycle
    assert end_accounts(by=by) == 0
    on_the_day = datetime.combine(day, time(1), UTC)
    assert end_accounts(by=by, now=on_the_day) == 1
    account.refresh_from_db()
    assert (account.churned_on, account.lifecycle) == (day, "churned")
    told = Event.objects.get(verb="customers.account_changed").detail.data
    assert told == {"changed": {"churned_on": [None, day.isoformat()], "lifecycle": [before, "churned"]}}
    record_revenue_movement(
        account=account, kind="reactivation", amount=Decimal(100), effective_on=day, by=csm.as_viewer()
    )
    assert end_accounts(by=by, now=on_the_day) == 0


def test_a_change_with_somebody_elses_address_changes_nothing(
    writer: APIClient, account: Account, contact: Contact
) -> None:
    other = Contact.objects.create(account=account, name="Ola")
    answer = writer.patch(f"/api/v1/contacts/{other.pk}/", {"name": "Olav", "email": contact.email})
    assert answer.status_code == 400
    other.refresh_from_db()
    assert other.name == "Ola"
