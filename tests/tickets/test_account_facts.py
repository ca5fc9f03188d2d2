"""Who may not read revenue and health cannot ask about them either: by filter, order, column, view, export or macro."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from customers.models import Account
from people.models import ApiKey, User
from tickets.list_columns import all_columns
from tickets.macro_lists import macros_for
from tickets.models import CustomField, Macro, SavedView, SLAPolicy, Ticket, TicketExport
from tickets.selectors import visible_tickets

RICH = {"field": "arr", "is": "at_least", "value": 100_000}
ASKED = [
    RICH,
    {"field": "value_at_risk", "is": "at_least", "value": 1},
    {"field": "account_band", "is": "in", "value": ["healthy"]},
    {"field": "account_tier", "is": "in", "value": ["enterprise"]},
    {"field": "csm", "is": "in", "value": ["none"]},
]
HARMLESS = {"field": "priority", "is": "in", "value": ["normal"]}


@pytest.fixture
def key(api: Callable[..., APIClient]) -> APIClient:
    """A key that works on tickets and knows nothing of accounts."""
    return api("tickets:read", "tickets:write")


@pytest.fixture
def knowing(api: Callable[..., APIClient]) -> APIClient:
    """A key that reads accounts and their health too."""
    return api("tickets:read", "tickets:write", "accounts:read")


def errors(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 400, (answer.status_code, answer.content)
    found: dict[str, Any] = answer.json()["errors"]
    return found


@pytest.mark.parametrize("clause", ASKED, ids=lambda clause: clause["field"])
@pytest.mark.parametrize("wrap", ["plain", "nested"])
def test_nothing_is_filtered_by_what_may_not_be_read(
    clause: dict[str, Any], wrap: str, key: APIClient, knowing: APIClient, ticket: Ticket
) -> None:
    condition = (
        clause if wrap == "plain" else {"match": "any", "of": [HARMLESS, {"match": "all", "of": [clause]}]}
    )
    where = json.dumps(condition)
    for path in ("/api/v1/tickets/", "/api/v1/views/open/tickets/"):
        refused = errors(key.get(path, {"where": where}))
        assert clause["field"] in json.dumps(refused["where"])
        assert knowing.get(path, {"where": where}).status_code == 200
        assert key.get(path, {"where": json.dumps(HARMLESS)}).status_code == 200
    export = {"view": "open", "format": "csv", "filters": {"where": where}}
    assert clause["field"] in json.dumps(errors(key.post("/api/v1/exports/", export)))
    act = {"act": "priority", "value": {"priority": "high"}, "view": "open", "filters": {"where": where}}
    assert clause["field"] in json.dumps(errors(key.post("/api/v1/tickets/bulk/", act)))
    ticket.refresh_from_db()
    assert ticket.priority == "normal"


def test_nothing_is_ordered_by_what_may_not_be_read(
    key: APIClient, knowing: APIClient, ticket: Ticket
) -> None:
    assert "value" in json.dumps(errors(key.get("/api/v1/views/open/tickets/", {"sort": "value"}))["sort"])
    assert knowing.get("/api/v1/views/open/tickets/", {"sort": "value"}).status_code == 200
    view = {"name": "By risk", "condition": HARMLESS, "sort": "value"}
    assert "sort" in errors(key.post("/api/v1/views/", view))
    kept = knowing.post("/api/v1/views/", view)
    assert kept.status_code == 201
    # Its own order is left out for who may not read what it goes by.
    assert key.get(f"/api/v1/views/{kept.json()['key']}/tickets/").status_code == 200


@pytest.mark.parametrize("clause", ASKED, ids=lambda clause: clause["field"])
def test_views_that_ask_are_none_of_who_may_not(
    clause: dict[str, Any], key: APIClient, knowing: APIClient, ticket: Ticket
) -> None:
    view = {"name": "Rich", "condition": clause}
    assert clause["field"] in json.dumps(errors(key.post("/api/v1/views/", view))["condition"])
    kept = knowing.post("/api/v1/views/", view).json()
    assert kept["key"] in {one["key"] for one in knowing.get("/api/v1/views/").json()}
    assert kept["key"] not in {one["key"] for one in key.get("/api/v1/views/").json()}
    for answer in (
        key.get(f"/api/v1/views/{kept['id']}/"),
        key.get(f"/api/v1/views/{kept['key']}/tickets/"),
        key.patch(f"/api/v1/views/{kept['id']}/", {"condition": HARMLESS}),
        key.delete(f"/api/v1/views/{kept['id']}/"),
    ):
        assert answer.status_code == 404
    assert "view" in errors(key.post("/api/v1/exports/", {"view": kept["key"], "format": "csv"}))
    assert "view" in errors(
        key.post(
            "/api/v1/tickets/bulk/", {"act": "priority", "value": {"priority": "high"}, "view": kept["key"]}
        )
    )
    assert SavedView.objects.filter(pk=kept["id"]).exists()


def test_columns_that_may_not_be_read_are_in_no_file(
    key: APIClient, knowing: APIClient, ticket: Ticket
) -> None:
    asking = {column.key for column in all_columns() if column.permission}
    assert asking == {"value_at_risk", "tier", "band", "arr", "csm"}
    for column in asking:
        wanted = {"view": "open", "format": "csv", "columns": ["number", column]}
        assert column in json.dumps(errors(key.post("/api/v1/exports/", wanted))["columns"])
        assert knowing.post("/api/v1/exports/", wanted).status_code == 202
        TicketExport.objects.all().delete()
    assert key.post("/api/v1/exports/", {"view": "open", "format": "csv"}).status_code == 202
    assert not asking & set(TicketExport.objects.get().columns)


def test_macros_that_ask_are_not_offered(ticket: Ticket, agent: User, account: Account, api: Any) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(account=account)
    ticket.refresh_from_db()
    Macro.objects.create(name="For rich ones", reply="Dear customer", scope="everyone", condition=RICH)
    Macro.objects.create(name="For everybody", reply="Hello", scope="everyone")
    api("tickets:read", "tickets:write")
    viewer = ApiKey.objects.get().as_viewer()
    assert visible_tickets(viewer).exists()
    assert [one.macro.name for one in macros_for(viewer, ticket)] == ["For everybody"]
    assert {one.macro.name for one in macros_for(agent.as_viewer(), ticket)} == {
        "For everybody",
        "For rich ones",
    }


def test_applying_a_macro_that_asks_tells_nothing(
    ticket: Ticket, account: Account, key: APIClient, knowing: APIClient
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(account=account)
    poor = {"field": "arr", "is": "at_most", "value": 1}
    rich_one, poor_one = (
        Macro.objects.create(name=name, note="Seen", scope="everyone", condition=condition)
        for name, condition in (("Rich", RICH), ("Poor", poor))
    )
    path = f"/api/v1/tickets/{ticket.pk}/macros/"
    told = [
        [key.get(f"{path}{one.pk}/").json().get("refusal"), key.post(f"{path}{one.pk}/").json()["errors"]]
        for one in (rich_one, poor_one)
    ]
    assert told[0] == told[1]
    assert "may not read" in str(told[0])
    assert knowing.post(f"{path}{rich_one.pk}/").status_code in {200, 201}
    assert "other tickets" in str(knowing.post(f"{path}{poor_one.pk}/").json()["errors"])


def test_nothing_is_kept_that_asks(key: APIClient, api: Callable[..., APIClient]) -> None:
    macro = {"name": "Rich", "note": "Seen", "scope": "everyone", "condition": RICH}
    assert "arr" in json.dumps(errors(key.post("/api/v1/macros/", macro))["condition"])
    field = {"key": "rich", "label": "Rich", "kind": "bool", "condition": RICH}
    setting_up = api("tickets:read", "tickets:configure")
    assert "arr" in json.dumps(errors(setting_up.post("/api/v1/ticket-fields/", field))["condition"])


def test_a_deadline_is_explained_without_what_may_not_be_read(
    ticket: Ticket, agent: User, login: Callable[[User], Any], key: APIClient, knowing: APIClient
) -> None:
    policy = SLAPolicy.objects.create(name="Standard", condition=RICH)
    Ticket.objects.filter(pk=ticket.pk).update(sla_policy=policy)
    path = f"/api/v1/tickets/{ticket.pk}/sla/"
    assert "at least 100000" in knowing.get(path).json()["condition"]
    assert key.get(path).json()["condition"] == ""
    assert "Holds because" in login(agent).get(f"/inbox/{ticket.pk}/sla/").content.decode()
    policy.condition = HARMLESS
    policy.save()
    assert key.get(path).json()["condition"] == knowing.get(path).json()["condition"] != ""


def test_taking_a_value_of_a_field_tells_nothing(
    ticket: Ticket, account: Account, key: APIClient, knowing: APIClient
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(account=account)
    poor = {"field": "arr", "is": "at_most", "value": 1}
    for name, condition in (("rich", RICH), ("poor", poor), ("all", HARMLESS)):
        CustomField.objects.create(key=name, label="Field", kind="text", condition=condition)
    path = f"/api/v1/tickets/{ticket.pk}/"

    def refused(rest: APIClient, name: str) -> Any:
        answer = rest.patch(path, {"fields": {name: "x"}}, format="json")
        return answer.json()["errors"][f"field:{name}"] if answer.status_code == 400 else answer.status_code

    assert refused(key, "rich") == refused(key, "poor")
    assert "may not read" in str(refused(key, "rich"))
    assert refused(key, "all") == 200
    assert refused(knowing, "rich") == 200
    assert "does not have this field" in str(refused(knowing, "poor"))
