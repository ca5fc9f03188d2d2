"""Bulk upserts of tickets by the ids of another system: each row for itself, repeatable, nothing undone that people did since."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import Event
from people.models import Team, User
from tests.conftest import make_user
from tickets.models import Category, Inbox, Ticket
from tickets.services import receive_message as receiving
from tickets.services.change_status import change_status
from tickets.services.correct_routing import correct_routing
from tickets.services.merge_tickets import merge_tickets

UPSERT = "/api/v1/tickets/upsert/"
ROSA = {"email": "rosa@parcels.example", "name": "Rosa"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def other_desk(api: Callable[..., APIClient]) -> APIClient:
    """The client of another system."""
    return api("tickets:write")


def row(number: int, **more: Any) -> dict[str, Any]:
    """A whole ticket."""
    return {
        "external_id": f"t-{number}",
        "subject": f"Case {number}",
        "body": "It is broken.",
        "contact": ROSA,
    } | more


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.data
    return [one["status"] for one in answer.data["items"]]


def test_tickets_are_opened_changed_and_left_alone(
    other_desk: APIClient, inbox: Inbox, category: Category, agent: User
) -> None:
    rows = [
        row(1, priority="high", category=category.name, assignee=agent.email, tags=["VIP"], status="waiting"),
        row(2, inbox=inbox.pk, cc=["boss@parcels.example"]),
        row(2),
        row(2, channel="form"),
        {"external_id": "t-3", "priority": "low"},
        row(4, colour="red"),
        row(5, status="nonsense"),
        row(6, contact={"email": "no address"}),
        {"subject": "No id"},
        "no object",
    ]
    first = other_desk.post(UPSERT, {"items": rows})
    assert statuses(first) == ["created", "created", "refused", "created", *["refused"] * 6]
    assert [sorted(one["errors"]) for one in first.data["items"] if one["errors"]] == [
        ["external_id"], ["body", "contact", "subject"], ["colour"], ["status"], ["contact"], ["external_id"],
        ["non_field_errors"],
    ]  # fmt: skip
    assert {name: first.data[name] for name in ("created", "updated", "unchanged", "refused")} == {
        "created": 3, "updated": 0, "unchanged": 0, "refused": 7,
    }  # fmt: skip
    made = Ticket.objects.get(pk=first.data["items"][0]["id"])
    assert (made.subject, made.priority, made.category, made.assignee, made.status_id) == (
        "Case 1", "high", category, agent, "waiting",
    )  # fmt: skip
    assert [one.tag.name for one in made.ticket_tags.all()] == ["vip"]
    # Nothing of a refused row stays.
    assert Ticket.objects.count() == 3
    events = Event.objects.count()
    assert statuses(other_desk.post(UPSERT, {"items": [rows[0], rows[1], rows[3]]})) == ["unchanged"] * 3
    assert (Event.objects.count(), Ticket.objects.count()) == (events, 3)
    again = [{"external_id": "t-1", "priority": "urgent"}, {"external_id": "t-2", "status": "gone"}]
    changed = other_desk.post(UPSERT, {"items": again})
    assert statuses(changed) == ["updated", "refused"]
    assert changed.data["items"][0]["id"] == made.pk
    made.refresh_from_db()
    assert (made.priority, made.status_id, made.subject) == ("urgent", "waiting", "Case 1")


def test_a_ticket_of_a_single_request_is_known_and_a_merged_one_followed(
    other_desk: APIClient, admin: User, agent: User
) -> None:
    single = other_desk.post("/api/v1/tickets/", row(1))
    into = other_desk.post("/api/v1/tickets/", row(2))
    known = other_desk.post(UPSERT, {"items": [{"external_id": "t-1", "priority": "high"}]})
    assert (statuses(known), known.data["items"][0]["id"]) == (["updated"], single.data["id"])
    tickets = {one.pk: one for one in Ticket.objects.all()}
    merge_tickets(ticket=tickets[single.data["id"]], into=tickets[into.data["id"]], by=admin.as_viewer())
    followed = other_desk.post(UPSERT, {"items": [{"external_id": "t-1", "priority": "urgent"}]})
    assert (statuses(followed), followed.data["items"][0]["id"]) == (["updated"], into.data["id"])


def test_what_the_row_does_not_change_undoes_nothing(
    other_desk: APIClient, admin: User, category: Category
) -> None:
    """A person has moved the ticket to another team; the other system says what it has always said."""
    sent = row(1, category=category.name)
    [made] = other_desk.post(UPSERT, {"items": [sent]}).data["items"]
    ticket = Ticket.objects.get(pk=made["id"])
    elsewhere = Team.objects.create(name="Elsewhere")
    correct_routing(ticket=ticket, team=elsewhere, by=admin.as_viewer())
    change_status(ticket=ticket, status="resolved", by=admin.as_viewer())
    assert statuses(other_desk.post(UPSERT, {"items": [sent]})) == ["unchanged"]
    ticket.refresh_from_db()
    assert (ticket.team, ticket.status_id) == (elsewhere, "resolved")


def test_who_may_open_but_not_change_is_told_per_row(login: Callable[[User], Any], csm: User) -> None:
    """A CSM may open tickets; so may nobody who only reads."""
    browser = login(csm)
    post = {"content_type": "application/json"}
    assert statuses(browser.post(UPSERT, {"items": [row(1)]}, **post)) == ["created"]
    answer = browser.post(UPSERT, {"items": [row(1, priority="high"), row(2)]}, **post)
    assert statuses(answer) == ["refused", "created"]
    assert "tickets.edit" in str(answer.json()["items"][0]["errors"])
    reader = login(make_user("analyst", "Reader"))
    assert reader.post(UPSERT, {"items": [row(3)]}, **post).status_code == 403


def test_what_somebody_may_not_see_is_not_changed(
    other_desk: APIClient, login: Callable[[User], Any], agent: User
) -> None:
    hidden = Team.objects.create(name="Legal", is_private=True)
    assert statuses(other_desk.post(UPSERT, {"items": [row(1, team=hidden.pk)]})) == ["created"]
    answer = login(agent).post(
        UPSERT, {"items": [{"external_id": "t-1", "priority": "low"}]}, content_type="application/json"
    )
    assert statuses(answer) == ["refused"]
    assert list(answer.json()["items"][0]["errors"]) == ["external_id"]
    assert Ticket.objects.get().priority == "normal"


def test_a_row_that_leads_out_of_sight_stops_no_other(login: Callable[[User], Any], agent: User) -> None:
    """Into a private team of others, by name, by its category or by its inbox; new or known."""
    hidden = Team.objects.create(name="Legal", is_private=True)
    contracts = Category.objects.create(name="Contracts", description="", team=hidden)
    lawyers = Inbox.objects.create(
        name="Lawyers", channel="email", address="law@x.example", default_team=hidden
    )
    browser = login(agent)
    send: dict[str, Any] = {"content_type": "application/json"}
    assert statuses(browser.post(UPSERT, {"items": [row(1), row(2), row(3)]}, **send)) == ["created"] * 3
    rows = [
        row(1, priority="high"),
        {"external_id": "t-2", "team": hidden.pk, "priority": "high"},
        row(6, inbox=lawyers.pk, priority="high"),
        row(4, inbox=lawyers.pk),
        {"external_id": "t-3", "category": contracts.pk, "status": "open"},
        row(5, priority="low"),
    ]
    answer = browser.post(UPSERT, {"items": rows}, **send)
    assert statuses(answer) == ["updated", *["refused"] * 4, "created"]
    assert [list(one["errors"]) for one in answer.json()["items"] if one["errors"]] == [
        ["team"], ["inbox"], ["inbox"], ["category"],
    ]  # fmt: skip
    priorities = Ticket.objects.order_by("pk").values_list("priority", flat=True)
    assert (list(priorities), Ticket.objects.filter(team=hidden).exists()) == (
        ["high", "normal", "normal", "low"], False,
    )  # fmt: skip


def test_a_ticket_that_disappears_meanwhile_stops_no_other(
    other_desk: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_desk.post(UPSERT, {"items": [row(1)]})

    def gone(**_of: Any) -> None:
        raise Ticket.DoesNotExist

    monkeypatch.setattr("tickets.services.upsert_tickets.change_ticket", gone)
    answer = other_desk.post(UPSERT, {"items": [row(1), row(2)]})
    assert statuses(answer) == ["refused", "created"]
    assert list(answer.data["items"][0]["errors"]) == ["external_id"]


def test_a_batch_that_is_overtaken_finds_the_ticket(
    other_desk: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening somebody else has opened it."""
    other_desk.post(UPSERT, {"items": [row(1)]})
    monkeypatch.setattr("tickets.services.upsert_tickets.known_message", lambda *_id: None)
    assert receiving.known_message("api", "t-1") is not None
    assert statuses(other_desk.post(UPSERT, {"items": [row(1, priority="high")]})) == ["updated"]
    assert Ticket.objects.get().priority == "high"


def test_batches_that_are_no_batches_are_refused(
    other_desk: APIClient, api: Callable[..., APIClient]
) -> None:
    for body in ({}, {"items": []}, {"items": "x"}, {"items": [{}] * 101}, []):
        assert other_desk.post(UPSERT, body).status_code == 400, body
    assert api("tickets:read").post(UPSERT, {"items": [row(1)]}).status_code == 403
    assert not Ticket.objects.exists()
