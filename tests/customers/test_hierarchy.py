"""Companies above and below each other, and the ids that other systems have for them."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Event
from customers.hierarchy import MOST_LEVELS, group_of, line_above
from customers.models import Account, AccountExternalId
from customers.services.name_account import accounts_known_as, add_external_id
from customers.services.save_account import create_account, update_account
from people.models import User
from people.viewer import Viewer

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def place(account: Account, parent: Account | None, by: Viewer) -> None:
    update_account(account=account, values={"parent_id": parent.pk if parent else None}, by=by)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 6)), max_size=25))
def test_no_order_of_changes_makes_a_circle_or_a_deep_line(csm: User, moves: list[tuple[int, int]]) -> None:
    by = csm.as_viewer()
    with transaction.atomic():
        companies = [Account.objects.create(name=f"Company {number}") for number in range(7)]
        for moved, above in moves:
            with suppress(ValidationError):
                place(companies[moved], companies[above] if above >= 0 else None, by)
            parents = dict(Account.objects.values_list("pk", "parent"))
            for company in companies:
                line, now = [], company.pk
                while now is not None:
                    assert now not in line
                    line.append(now)
                    now = parents[now]
                assert len(line) <= MOST_LEVELS
                assert line == line_above(company.pk)
        transaction.set_rollback(True)


def test_the_database_refuses_an_account_above_itself(account: Account) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=account.pk).update(parent=account.pk)


def test_who_may_look_only_changes_nothing(account: Account, viewer: Viewer) -> None:
    with pytest.raises(PermissionDenied):
        create_account(values={"name": "Below", "parent_id": account.pk}, by=viewer)


def test_arr_in_red_is_summed_over_the_tree(account: Account, csm: User) -> None:
    by, band = csm.as_viewer(), Account.Band
    red = Account.objects.create(
        name="Red", parent=account, arr=50_000, currency="EUR", health_band=band.AT_RISK
    )
    Account.objects.create(name="Below red", parent=red, arr=7_000, currency="USD", health_band=band.AT_RISK)
    Account.objects.create(name="Gone", parent=account, arr=9_000, lifecycle=Account.Lifecycle.CHURNED)
    group = group_of(account, by)
    assert [(level, one.name) for level, one in group.members] == [
        (0, "Halden Logistics"), (1, "Red"), (2, "Below red"), (1, "Gone")
    ]  # fmt: skip
    assert group.accounts == 3
    assert [(row.currency, row.total, row.in_red) for row in group.money] == [
        ("EUR", Decimal(234_000), Decimal(50_000)),
        ("USD", Decimal(7_000), Decimal(7_000)),
    ]


def test_page_and_rest_tell_the_same_tree(
    account: Account, csm: User, login: Login, api: Callable[..., APIClient]
) -> None:
    for number in range(4):
        Account.objects.create(
            name=f"Branch {number}", parent=account, arr=10_000, health_band=Account.Band.AT_RISK
        )
    browser = login(csm)
    overview = browser.get(f"/customers/{account.pk}/").content.decode()
    assert "ARR in red / total" in overview
    assert "€40k" in overview
    assert "€224k" in overview
    url = f"/customers/{account.pk}/group/"
    with CaptureQueriesContext(connection) as few:
        page = browser.get(url).content.decode()
    assert page.count("Branch ") >= 4
    for number in range(4, 12):
        Account.objects.create(name=f"Branch {number}", parent=account)
    with CaptureQueriesContext(connection) as many:
        browser.get(url)
    assert len(few) == len(many)
    key = api("accounts:write", "health:read")
    told = key.get(f"/api/v1/accounts/{account.pk}/group/").json()
    assert told["money"] == [{"currency": "EUR", "total": "224000.00", "in_red": "40000.00"}]
    assert [one["level"] for one in told["members"]] == [0] + [1] * 12
    hidden = api("accounts:write").get(f"/api/v1/accounts/{account.pk}/group/").json()
    assert hidden["money"][0]["in_red"] is None
    assert {one["band"] for one in hidden["members"]} == {None}
    child = told["members"][1]
    shown = browser.get(f"/customers/{child['id']}/").content.decode()
    assert f'href="/customers/{account.pk}/"' in shown
    assert "/group/" not in shown
    found = key.get(f"/api/v1/accounts/?parent={account.pk}").json()["results"]
    assert len(found) == 12
    assert found[0]["parent"] == account.pk


def test_rest_sets_the_parent_and_refuses_circles(account: Account, api: Callable[..., APIClient]) -> None:
    key = api("accounts:write")
    made = key.post("/api/v1/accounts/", {"name": "Below", "parent": account.pk})
    assert (made.status_code, made.json()["parent"]) == (201, account.pk)
    refused = key.patch(f"/api/v1/accounts/{account.pk}/", {"parent": made.json()["id"]})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["parent"])
    free = key.patch(f"/api/v1/accounts/{made.json()['id']}/", {"parent": None})
    assert free.json()["parent"] is None


def test_the_form_finds_a_company_by_its_name(account: Account, csm: User, login: Login) -> None:
    browser = login(csm)
    offered = browser.get("/customers/suggestions/?parent=hald").content.decode()
    assert f"Halden Logistics #{account.pk}" in offered
    form = {
        "name": "Below", "tier": "starter", "lifecycle": "onboarding", "arr": "0", "currency": "EUR", "seats": "0",
        "timezone": "UTC", "parent": "halden logistics",
    }  # fmt: skip
    assert browser.post("/customers/new/", form).status_code == 302
    below = Account.objects.get(name="Below")
    assert below.parent_id == account.pk
    edit = browser.get(f"/customers/{below.pk}/edit/").content.decode()
    assert f"Halden Logistics #{account.pk}" in edit
    refused = browser.post("/customers/new/", {**form, "name": "Other", "parent": "nobody"})
    assert refused.status_code == 422
    assert "No customer has this name" in refused.content.decode()


def test_ids_of_other_systems(
    account: Account, csm: User, login: Login, api: Callable[..., APIClient]
) -> None:
    other = Account.objects.create(name="Other")
    key, url = api("accounts:write"), f"/api/v1/accounts/{account.pk}/"
    body = {"source": "HubSpot", "value": "4711", "remote_changed_at": "2026-01-02T03:04:05Z"}
    made = key.post(url + "external-ids/", body)
    assert (made.status_code, made.json()["source"]) == (201, "hubspot")
    again = key.post(url + "external-ids/", body)
    assert again.json() == made.json()
    later = key.post(url + "external-ids/", {**body, "remote_changed_at": "2026-02-02T03:04:05Z"})
    assert later.json()["id"] == made.json()["id"]
    assert later.json()["remote_changed_at"] == "2026-02-02T03:04:05Z"
    assert Event.objects.filter(verb="customers.external_id_added").count() == 1
    taken = key.post(f"/api/v1/accounts/{other.pk}/external-ids/", body)
    assert (taken.status_code, list(taken.json()["errors"])) == (400, ["value"])
    bad = key.post(url + "external-ids/", {"source": "not a name", "value": "1"})
    assert list(bad.json()["errors"]) == ["source"]
    found = key.get("/api/v1/accounts/?known_as=hubspot:4711").json()["results"]
    assert [row["id"] for row in found] == [account.pk]
    assert [row["value"] for row in found[0]["external_ids"]] == ["4711"]
    assert key.get("/api/v1/accounts/?known_as=billing:4711").json()["results"] == []
    assert accounts_known_as("hubspot", ["4711", "12"]) == {"4711": account.pk}
    browser = login(csm)
    assert "4711" in browser.get(f"/customers/{account.pk}/details/").content.decode()
    assert (
        browser.post(f"/customers/{account.pk}/ids/", {"source": "billing", "value": "B-1"}).status_code
        == 302
    )
    twice = browser.post(f"/customers/{other.pk}/ids/", {"source": "billing", "value": "B-1"})
    assert twice.status_code == 422
    row = AccountExternalId.objects.get(source="billing")
    assert browser.post(f"/customers/{other.pk}/ids/{row.pk}/remove/").status_code == 404
    assert browser.post(f"/customers/{account.pk}/ids/{row.pk}/remove/").status_code == 302
    gone = key.delete(f"{url}external-ids/{made.json()['id']}/")
    assert gone.status_code == 204
    assert account.external_ids.count() == 0


def test_ids_cost_the_same_for_any_number(account: Account, csm: User, api: Callable[..., APIClient]) -> None:
    key = api("accounts:read")
    add_external_id(account=account, source="crm", value="1", by=csm.as_viewer())
    key.get("/api/v1/accounts/")
    with CaptureQueriesContext(connection) as few:
        key.get("/api/v1/accounts/")
    for number in range(5):
        one = Account.objects.create(name=f"More {number}")
        add_external_id(account=one, source="crm", value=f"x{number}", by=csm.as_viewer())
    with CaptureQueriesContext(connection) as many:
        key.get("/api/v1/accounts/")
    assert len(few) == len(many)
