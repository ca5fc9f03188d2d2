"""Statuses, types, custom fields and tags, set up over REST."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from core.job_runner import run_jobs
from core.models import Event
from people.models import User
from people.roles import Role
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.api.views import read_body
from tickets.models import CustomField, FieldValue, SavedView, Status, Tag, Ticket, TicketExport, TicketType
from tickets.services.change_tags import change_tags
from tickets.services.set_field_values import set_field_values

STATUSES, TYPES = "/api/v1/ticket-statuses/", "/api/v1/ticket-types/"
FIELDS, TAGS = "/api/v1/ticket-fields/", "/api/v1/tags/"


@pytest.fixture
def rest(api: Callable[..., APIClient]) -> APIClient:
    """A client that may set tickets up, and nothing else."""
    return api("tickets:configure")


def verbs() -> list[str]:
    """The verbs of all events in order."""
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


def errors(answer: Any, status: int = 400) -> dict[str, Any]:
    """The refused fields of a problem."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json().get("errors", {})
    return found


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role != Role.INTEGRATION])
def test_people_who_work_with_tickets_read_and_administrators_change(
    role: Role, login: Callable[[User], Client], db: None
) -> None:
    browser = login(make_user(role, "Somebody"))
    tag = Tag.objects.create(name="vip")
    kind = TicketType.objects.create(name="Incident")
    field = CustomField.objects.create(key="cause", label="Cause", kind="text")
    changed = 200 if role == Role.ADMIN else 403
    made = 201 if role == Role.ADMIN else 403
    new: list[tuple[str, dict[str, Any]]] = [
        (STATUSES, {"name": "Parked", "customer_label": "Parked", "category": "on_hold"}),
        (TYPES, {"name": "Question"}),
        (FIELDS, {"label": "Area", "kind": "text"}),
        (TAGS, {"name": "new"}),
    ]
    for address, body in new:
        assert browser.get(address).status_code == 200
        assert browser.post(address, body, content_type="application/json").status_code == made
    for address, body in [
        (f"{STATUSES}open/", {"name": "Opened"}),
        (f"{TYPES}{kind.pk}/", {"name": "Outage"}),
        (f"{FIELDS}{field.pk}/", {"label": "Root cause"}),
        (f"{TAGS}{tag.pk}/", {"name": "key account"}),
    ]:
        assert browser.get(address).status_code == 200
        assert browser.patch(address, body, content_type="application/json").status_code == changed
    if role != Role.ADMIN:
        for address in (f"{STATUSES}open/", f"{TYPES}{kind.pk}/", f"{FIELDS}{field.pk}/", f"{TAGS}{tag.pk}/"):
            assert browser.delete(address).status_code == 403
        assert browser.post(f"{TAGS}{tag.pk}/merge/", {"into": 1}).status_code == 403
        assert verbs().count("tickets.tag_saved") == 0


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        (("tickets:configure",), 200, 201),
        (("tickets:read",), 200, 403),
        (("tickets:write",), 200, 403),
        (("people:read", "usage:write", "accounts:write"), 403, 403),
        ((), 403, 403),
    ],
)
def test_keys_need_the_scope(
    api: Callable[..., APIClient], scopes: tuple[str, ...], reads: int, writes: int
) -> None:
    client = api(*scopes)
    for address in (STATUSES, TYPES, FIELDS, TAGS):
        assert client.get(address).status_code == reads
    assert client.post(TYPES, {"name": "Question"}, format="json").status_code == writes


def test_the_scope_shows_no_ticket(rest: APIClient, ticket: Ticket) -> None:
    assert rest.get("/api/v1/tickets/").status_code == 403
    assert rest.get(f"/api/v1/tickets/{ticket.pk}/").status_code == 403


def test_nobody_without_a_key(db: None) -> None:
    assert APIClient().get(STATUSES).status_code == 401


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_a_status_is_made_placed_changed_and_deleted(rest: APIClient, db: None) -> None:
    body = {
        "name": "With engineering", "customer_label": "Being worked on", "category": "on_hold", "position": 1,
    }  # fmt: skip
    made = rest.post(STATUSES, body, format="json")
    assert made.status_code == 201, made.data
    assert (made.data["key"], made.data["position"], made.data["is_built_in"]) == (
        "with_engineering",
        1,
        False,
    )
    address = f"{STATUSES}with_engineering/"
    changed = rest.patch(
        address, {"pauses_sla": True, "position": 99, "category": "on_hold"}, format="json"
    ).data
    assert (changed["name"], changed["pauses_sla"]) == ("With engineering", True)
    assert [one["key"] for one in rest.get(STATUSES).data["results"]][-1] == "with_engineering"
    assert rest.delete(address).status_code == 204
    assert rest.get(address).status_code == 404
    assert verbs()[-1] == "tickets.status_deleted"


def test_what_is_wrong_with_a_status_is_named(rest: APIClient, ticket: Ticket) -> None:
    assert set(errors(rest.post(STATUSES, {}, format="json"))) == {"name", "customer_label", "category"}
    odd = {"name": "x", "customer_label": "x", "category": "new", "colour": "red"}
    assert set(errors(rest.post(STATUSES, odd, format="json"))) == {"category"}
    odd["category"] = "open"
    assert set(errors(rest.post(STATUSES, odd, format="json"))) == {"colour"}
    same = {"name": "open", "customer_label": "x", "category": "open"}
    assert set(errors(rest.post(STATUSES, same, format="json"))) == {"name"}
    assert set(errors(rest.patch(f"{STATUSES}open/", {"category": "closed"}, format="json"))) == {"category"}
    assert set(errors(rest.patch(f"{STATUSES}open/", {"is_active": False}, format="json"))) == {"is_active"}
    answer = rest.delete(f"{STATUSES}open/")
    assert answer.status_code == 409
    assert "built in" in answer.json()["detail"]


def test_a_status_in_use_goes_with_a_replacement(rest: APIClient, ticket: Ticket) -> None:
    for key in ("paused", "parked"):
        Status.objects.create(key=key, name=key.capitalize(), category="on_hold", customer_label="x")
    Ticket.objects.filter(pk=ticket.pk).update(status="paused")
    assert rest.delete(f"{STATUSES}paused/").status_code == 409
    address = f"{STATUSES}paused/"
    assert set(errors(rest.patch(address, {"is_active": False}, format="json"))) == {"replacement"}
    wrong = {"is_active": False, "replacement": "waiting"}
    assert set(errors(rest.patch(address, wrong, format="json"))) == {"replacement"}
    wanted = {"is_active": False, "replacement": "parked"}
    assert rest.patch(address, wanted, format="json").data["is_active"] is False
    run_jobs("batch")
    ticket.refresh_from_db()
    assert ticket.status_id == "parked"
    assert rest.delete(address).status_code == 204


# --- types ------------------------------------------------------------------------------------------------------------


def test_a_type_is_made_once_however_often_it_is_sent(rest: APIClient, db: None) -> None:
    body = {"name": "Incident", "checklist": ["Find it", "Fix it"]}
    sent = [rest.post(TYPES, body, format="json", HTTP_IDEMPOTENCY_KEY="t-1") for _time in range(2)]
    assert [one.status_code for one in sent] == [201, 201]
    row = TicketType.objects.get()
    assert row.checklist == ["Find it", "Fix it"]
    address = f"{TYPES}{row.pk}/"
    changed = rest.patch(address, {"is_active": False}, format="json").data
    assert (changed["name"], changed["checklist"], changed["is_active"]) == (
        "Incident",
        ["Find it", "Fix it"],
        False,
    )
    assert set(errors(rest.post(TYPES, {"name": "incident"}, format="json"))) == {"name"}
    assert set(errors(rest.post(TYPES, {"name": "x", "checklist": ["y" * 300]}, format="json"))) == {
        "checklist"
    }
    assert rest.delete(address).status_code == 204
    assert verbs()[-1] == "tickets.type_deleted"


def test_types_are_put_in_order(rest: APIClient, db: None) -> None:
    ids = [rest.post(TYPES, {"name": name}, format="json").data["id"] for name in "ABC"]
    assert rest.patch(f"{TYPES}{ids[2]}/", {"position": 0}, format="json").data["position"] == 0
    assert [one["name"] for one in rest.get(TYPES).data["results"]] == ["C", "A", "B"]


def test_a_type_that_something_needs_stays(api: Callable[..., APIClient], ticket: Ticket) -> None:
    rest = api("tickets:configure", "tickets:read")
    row = TicketType.objects.create(name="Incident")
    address = f"{TYPES}{row.pk}/"
    Ticket.objects.filter(pk=ticket.pk).update(type=row)
    assert "Tickets have this type" in rest.delete(address).json()["detail"]
    Ticket.objects.filter(pk=ticket.pk).update(type=None)
    field = CustomField.objects.create(key="cause", label="Cause", kind="text")
    field.types.add(row)
    assert "Cause" in rest.delete(address).json()["detail"]
    field.delete()
    view = SavedView.objects.create(
        name="Incidents",
        scope="everyone",
        condition={"match": "any", "of": [{"field": "type", "is": "in", "value": ["none", str(row.pk)]}]},
    )
    answer = rest.delete(address)
    assert (answer.status_code, "Incidents" in answer.json()["detail"]) == (409, True)
    view.delete()
    assert rest.delete(address).status_code == 204


# --- custom fields ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("text", {}),
        ("number", {}),
        ("choice", {"options": ["Berlin", "Oslo"]}),
        ("multi", {"options": ["Berlin", "Oslo"]}),
        ("date", {}),
        ("bool", {}),
        ("reference", {"reference": "account"}),
    ],
)
def test_a_field_of_each_kind_is_made_and_used(
    rest: APIClient, ticket: Ticket, viewer: Viewer, kind: str, more: dict[str, Any]
) -> None:
    incident = TicketType.objects.create(name="Incident")
    body = {
        "label": "Root cause",
        "kind": kind,
        "help_text": "Why?",
        "types": ["incident"],
        "condition": {"field": "priority", "is": "in", "value": ["normal"]},
        "required_on_resolve": True,
        **more,
    }
    made = rest.post(FIELDS, body, format="json")
    assert made.status_code == 201, made.data
    assert {**body, "types": [incident.pk], "key": "root_cause"}.items() <= made.data.items()
    Ticket.objects.filter(pk=ticket.pk).update(type=incident)
    values = {
        "text": "x", "number": 4, "choice": "Oslo", "multi": ["Oslo"], "date": "2026-05-01", "bool": True,
        "reference": ticket.account_id,
    }  # fmt: skip
    set_field_values(ticket=ticket, values={"root_cause": values[kind]}, by=viewer)
    assert FieldValue.objects.filter(field=made.data["id"]).exists()
    address = f"{FIELDS}{made.data['id']}/"
    assert rest.delete(address).status_code == 409
    changed = rest.patch(address, {"label": "Cause", "is_active": False, "types": []}, format="json").data
    assert (changed["label"], changed["is_active"], changed["types"], changed["key"]) == (
        "Cause", False, [], "root_cause",
    )  # fmt: skip
    assert changed["condition"]["field"] == "priority"
    assert changed["options"] == more.get("options", [])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"kind": "text"}, "label"),
        ({"label": "x", "kind": "colour"}, "kind"),
        ({"label": "x", "kind": "choice"}, "options"),
        ({"label": "x", "kind": "text", "options": ["a"]}, "options"),
        ({"label": "x", "kind": "reference"}, "reference"),
        ({"label": "x", "kind": "text", "reference": "ticket"}, "reference"),
        ({"label": "x", "kind": "text", "key": "no spaces"}, "key"),
        ({"label": "x", "kind": "text", "key": "cause"}, "key"),
        ({"label": "x", "kind": "text", "types": ["Nothing"]}, "types"),
        ({"label": "x", "kind": "text", "condition": {"field": "nothing", "is": "in", "value": []}}, "condition"),
        ({"label": "x", "kind": "text", "condition": {"field": "field:x", "is": "contains", "value": "a"}}, "condition"),
        ({"label": "x", "kind": "text", "condition": "priority"}, "condition"),
        ({"label": "x", "kind": "text", "position": -1}, "position"),
        ({"label": "x", "kind": "text", "colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_field_is_named(rest: APIClient, body: dict[str, Any], named: str) -> None:
    CustomField.objects.create(key="cause", label="Cause", kind="text")
    assert set(errors(rest.post(FIELDS, body, format="json"))) == {named}
    assert CustomField.objects.count() == 1


def test_what_is_fixed_on_a_field_is_named(rest: APIClient, db: None) -> None:
    field = CustomField.objects.create(key="cause", label="Cause", kind="text")
    wanted = {"key": "other", "kind": "number", "reference": "ticket", "label": "New"}
    answer = rest.patch(f"{FIELDS}{field.pk}/", wanted, format="json")
    assert set(errors(answer)) == {"key", "kind", "reference"}
    same = rest.patch(f"{FIELDS}{field.pk}/", {"key": "cause", "kind": "text", "label": "New"}, format="json")
    assert (same.status_code, same.data["label"]) == (200, "New")


def test_a_field_that_a_rule_asks_about_stays(api: Callable[..., APIClient], db: None) -> None:
    rest = api("tickets:configure", "tickets:read")
    field = CustomField.objects.create(key="cause", label="Cause", kind="text")
    SavedView.objects.create(
        name="Cables",
        scope="everyone",
        condition={"field": "field:cause", "is": "contains", "value": "cable"},
    )
    answer = rest.delete(f"{FIELDS}{field.pk}/")
    assert (answer.status_code, "Cables" in answer.json()["detail"]) == (409, True)


def test_a_condition_that_one_may_not_write_may_stay(rest: APIClient, db: None) -> None:
    condition = {"field": "arr", "is": "gte", "value": 100000}
    refused = rest.post(FIELDS, {"label": "Risk", "kind": "text", "condition": condition}, format="json")
    assert set(errors(refused)) == {"condition"}
    field = CustomField.objects.create(key="cause", label="Cause", kind="text", condition=condition)
    answer = rest.patch(f"{FIELDS}{field.pk}/", {"label": "Root cause"}, format="json")
    assert (answer.status_code, answer.data["label"], answer.data["condition"]) == (
        200,
        "Root cause",
        condition,
    )


@pytest.mark.parametrize(
    ("address", "make", "others", "mine"),
    [
        (STATUSES, lambda: Status.objects.get(pk="open"), {"customer_label": "At work"}, {"name": "Opened"}),
        (TYPES, lambda: TicketType.objects.create(name="A"), {"description": "New"}, {"name": "B"}),
        (
            FIELDS,
            lambda: CustomField.objects.create(key="a", label="A", kind="text"),
            {"help_text": "New"},
            {"label": "B"},
        ),
        (TAGS, lambda: Tag.objects.create(name="a"), {"description": "New"}, {"name": "b"}),
    ],
)
def test_what_is_not_sent_stays_as_others_have_just_made_it(
    rest: APIClient,
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    make: Callable[[], Any],
    others: dict[str, str],
    mine: dict[str, str],
) -> None:
    row = make()
    real = read_body

    def slowly(*args: Any, **rest_of_it: Any) -> dict[str, Any]:
        sent = real(*args, **rest_of_it)
        type(row)._default_manager.filter(pk=row.pk).update(**others)
        return sent

    monkeypatch.setattr("tickets.api.configuration.read_body", slowly)
    answer = rest.patch(f"{address}{row.pk}/", mine, format="json")
    assert {name: answer.data[name] for name in others | mine} == others | mine


# --- tags -------------------------------------------------------------------------------------------------------------


def test_a_tag_is_renamed_everywhere(rest: APIClient, ticket: Ticket, viewer: Viewer) -> None:
    tag = rest.post(TAGS, {"name": "  VIP "}, format="json").data
    assert tag["name"] == "vip"
    change_tags(ticket=ticket, add=["vip"], by=viewer)
    assert (
        rest.patch(f"{TAGS}{tag['id']}/", {"name": "Key account"}, format="json").data["name"]
        == "key account"
    )
    assert ticket.ticket_tags.get().tag.name == "key account"
    assert [one["id"] for one in rest.get(TAGS, {"name": "ACC"}).data["results"]] == [tag["id"]]
    assert rest.get(TAGS, {"name": "nothing"}).data["results"] == []
    assert set(errors(rest.post(TAGS, {"name": "a,b"}, format="json"))) == {"name"}
    assert set(errors(rest.post(TAGS, {"name": "key account"}, format="json"))) == {"name"}


def test_a_tag_becomes_another(rest: APIClient, ticket: Ticket, viewer: Viewer) -> None:
    change_tags(ticket=ticket, add=["outtage"], by=viewer)
    old, new = Tag.objects.get(), Tag.objects.create(name="outage")
    address = f"{TAGS}{old.pk}/merge/"
    assert set(errors(rest.post(address, {}, format="json"))) == {"into"}
    assert set(errors(rest.post(address, {"into": old.pk}, format="json"))) == {"into"}
    answer = rest.post(address, {"into": "outage"}, format="json")
    assert (answer.status_code, answer.data["id"]) == (202, new.pk)
    # while the job works neither of the two can be given away
    third = Tag.objects.create(name="third")
    for tag, status in ((old, 400), (new, 400)):
        again = rest.post(f"{TAGS}{tag.pk}/merge/", {"into": third.pk}, format="json")
        assert again.status_code == status
        assert rest.delete(f"{TAGS}{tag.pk}/").status_code == 409
    run_jobs("batch")
    assert [one.tag.name for one in ticket.ticket_tags.select_related("tag")] == ["outage"]
    assert rest.get(f"{TAGS}{old.pk}/").status_code == 404


def test_a_tag_is_deleted_with_its_places(rest: APIClient, ticket: Ticket, viewer: Viewer) -> None:
    unused = Tag.objects.create(name="unused")
    assert rest.delete(f"{TAGS}{unused.pk}/").status_code == 204
    change_tags(ticket=ticket, add=["wrong", "right"], by=viewer)
    tag = Tag.objects.get(name="wrong")
    answer = rest.delete(f"{TAGS}{tag.pk}/")
    assert (answer.status_code, answer.data["is_active"]) == (202, False)
    run_jobs("batch")
    assert [one.tag.name for one in ticket.ticket_tags.select_related("tag")] == ["right"]
    assert not Tag.objects.filter(pk=tag.pk).exists()
    assert verbs().count("tickets.tag_deleted") == 2


def test_a_tag_that_a_rule_asks_about_stays(api: Callable[..., APIClient], db: None) -> None:
    rest = api("tickets:configure", "tickets:read")
    tag = Tag.objects.create(name="vip")
    SavedView.objects.create(
        name="Important", scope="everyone", condition={"field": "tags", "is": "any", "value": ["vip"]}
    )
    answer = rest.delete(f"{TAGS}{tag.pk}/")
    assert (answer.status_code, "Important" in answer.json()["detail"]) == (409, True)
    assert Tag.objects.get().is_active


def test_a_view_of_somebody_else_is_not_named(
    rest: APIClient, api: Callable[..., APIClient], agent: User
) -> None:
    tag = Tag.objects.create(name="vip")
    view = SavedView.objects.create(
        name="Mette is difficult",
        scope="personal",
        owner=agent,
        condition={"field": "tags", "is": "any", "value": ["vip"]},
    )
    for key in (rest, api("tickets:configure", "tickets:read")):
        answer = key.delete(f"{TAGS}{tag.pk}/")
        assert answer.status_code == 409
        assert f"“#{view.pk}” (saved view)" in answer.json()["detail"]
        assert "Mette" not in answer.content.decode()


def test_the_copy_of_a_view_in_an_export_holds_up_nothing(
    rest: APIClient, login: Callable[[User], Client], agent: User
) -> None:
    tag = Tag.objects.create(name="vip")
    condition = {"field": "tags", "is": "any", "value": ["vip"]}
    view = SavedView.objects.create(name="Important", scope="everyone", condition=condition)
    wanted = {"view": f"saved-{view.pk}"}
    assert login(agent).post("/api/v1/exports/", wanted, "application/json").status_code == 202
    assert TicketExport.objects.get().condition == condition
    view.delete()
    assert rest.delete(f"{TAGS}{tag.pk}/").status_code == 204


# --- the same on the pages --------------------------------------------------------------------------------------------


def test_types_and_tags_are_deleted_on_their_pages(
    admin: User, login: Callable[[User], Client], ticket: Ticket, viewer: Viewer
) -> None:
    browser = login(admin)
    kind = TicketType.objects.create(name="Incident")
    change_tags(ticket=ticket, add=["wrong"], by=viewer)
    tag = Tag.objects.get()
    Ticket.objects.filter(pk=ticket.pk).update(type=kind)
    assert "/delete/" in browser.get(f"/settings/types/{kind.pk}/").content.decode()
    kept = browser.post(f"/settings/types/{kind.pk}/delete/", follow=True).content.decode()
    assert "Tickets have this type" in kept
    Ticket.objects.filter(pk=ticket.pk).update(type=None)
    assert "Type deleted" in browser.post(f"/settings/types/{kind.pk}/delete/", follow=True).content.decode()
    assert "being taken off" in browser.post(f"/settings/tags/{tag.pk}/delete/", follow=True).content.decode()
    run_jobs("batch")
    assert not Tag.objects.exists()
