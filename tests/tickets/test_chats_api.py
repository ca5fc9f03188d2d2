"""REST of chats: what stands in them, answers, handing over, the end; and who sees what."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import Event
from core.outbox import send_due
from people.models import Team, User
from tests.conftest import make_user
from tests.tickets.test_chat import Widget, chat, widget
from tickets.models import Attachment, ChatSession, Message, Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.merge_tickets import merge_tickets
from tickets.services.move_message import split_ticket

__all__ = ["chat", "widget"]

CHATS = "/api/v1/chats/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(api: Callable[..., APIClient]) -> APIClient:
    """The client of an integration that chats."""
    return api("tickets:read", "tickets:write")


def of(widget: Widget, more: str = "") -> str:
    """The address of the widget's chat."""
    return f"{CHATS}{widget.session().pk}/{more}"


def test_an_answer_comes_into_the_chat(bot: APIClient, widget: Widget) -> None:
    widget.write()
    [listed] = bot.get(CHATS).data["results"]
    assert {name: listed[name] for name in ("name", "email", "state", "ticket", "agent", "last_number", "is_online")} == {
        "name": "Rosa", "email": "rosa@parcels.example", "state": "open", "ticket": Ticket.objects.get().pk, "agent": None,
        "last_number": 1, "is_online": True,
    }  # fmt: skip
    assert "token" not in str(listed)
    assert widget.answer["key"] not in str(listed)
    answered = bot.post(of(widget, "messages/"), {"body": "On its **way**."})
    assert (answered.status_code, answered.data["channel"], answered.data["kind"]) == (
        201,
        "chat",
        "outbound",
    )
    send_due()
    told = [(one["kind"], one.get("text")) for one in widget.entries()]
    assert told[-1] == ("agent", "On its way.")
    entries = bot.get(of(widget, "entries/")).data["results"]
    assert (entries[0]["number"], entries[0]["kind"]) == (1, "visitor")
    assert entries[0]["text"] == "Where is my parcel?"
    assert (entries[-1]["text"], entries[-1]["message"]) == ("On its way.", answered.data["id"])
    newer = bot.get(of(widget, "entries/"), {"after": 1, "fields": "number"}).data["results"]
    assert [one["number"] for one in newer] == list(range(2, len(told) + 1))


def test_an_answer_to_what_is_overtaken_is_refused(bot: APIClient, widget: Widget) -> None:
    widget.write()
    seen = Message.objects.get().pk
    widget.write("Hello?", "message-2")
    late = bot.post(of(widget, "messages/"), {"body": "Hi", "seen_message_id": seen})
    assert late.status_code == 409
    empty = bot.post(of(widget, "messages/"), {"body": " "})
    assert (empty.status_code, list(empty.data["errors"])) == (400, ["body"])
    strange = bot.post(of(widget, "messages/"), {"body": "Hi", "via": 1})
    assert (strange.status_code, list(strange.data["errors"])) == (400, ["via"])
    assert Message.objects.filter(kind="outbound").count() == 0


def test_files_are_told_with_their_verdict(bot: APIClient, widget: Widget) -> None:
    widget.write()
    Attachment.objects.create(
        message=Message.objects.get(),
        name="cart.png",
        content_type="image/png",
        size=3,
        sha256="x",
        storage_key="y",
    )
    [entry] = bot.get(of(widget, "entries/")).data["results"]
    [file] = entry["attachments"]
    assert (file["name"], file["file"]) == (
        "cart.png",
        f"/api/v1/attachments/{Attachment.objects.get().pk}/file/",
    )


def test_it_is_handed_over_and_the_visitor_is_told(
    bot: APIClient, widget: Widget, team: Team, agent: User, pump: Callable[[], int], minds: Any
) -> None:
    widget.write()
    nobody = bot.post(of(widget, "handover/"), {})
    assert (nobody.status_code, list(nobody.data["errors"])) == (400, ["assignee"])
    first = make_user("agent", "Noor")
    assign_ticket(ticket=Ticket.objects.get(), assignee=first, by=first.as_viewer())
    session = widget.session()
    session.agent = first
    session.save()
    given = bot.post(of(widget, "handover/"), {"team": team.name, "assignee": agent.email})
    assert given.status_code == 200
    ticket = Ticket.objects.get()
    assert (ticket.team, ticket.assignee) == (team, agent)
    pump()
    assert widget.entries()[-1]["kind"] == "joined"
    assert bot.get(of(widget)).data["agent"] == agent.pk


def test_it_is_handed_over_to_somebody_of_a_private_team(
    widget: Widget, agent: User, csm: User, login: Callable[[User], Any]
) -> None:
    widget.write()
    hidden, lawyer = Team.objects.create(name="Legal", is_private=True), make_user("agent", "Lena")
    hidden.memberships.create(user=lawyer)
    browser = login(agent)

    def hand_over(to: User) -> Any:
        wanted = {"team": hidden.name, "assignee": to.email}
        return browser.post(of(widget, "handover/"), wanted, content_type="application/json")

    stranger = hand_over(csm)
    assert (stranger.status_code, list(stranger.json()["errors"])) == (400, ["assignee"])
    assert Ticket.objects.get().team != hidden
    assert hand_over(lawyer).status_code == 200
    ticket = Ticket.objects.get()
    assert (ticket.team, ticket.assignee) == (hidden, lawyer)
    assert browser.get(of(widget)).status_code == 404


def test_it_ends_once_and_nothing_follows(bot: APIClient, widget: Widget) -> None:
    widget.write()
    ended = bot.post(of(widget, "end/"))
    assert (ended.status_code, ended.data["state"]) == (200, "ended")
    assert bot.post(of(widget, "end/")).data["ended_at"] == ended.data["ended_at"]
    [event] = Event.objects.filter(verb="tickets.chat_ended")
    assert event.actor_kind == "api_key"
    assert widget.write("One more", "message-2").status_code == 422
    assert widget.entries()[-1]["kind"] == "ended"
    refused = bot.post(of(widget, "messages/"), {"body": "Hi"})
    assert refused.status_code == 409
    assert Ticket.objects.get().status_id == "new"


@pytest.mark.parametrize("asked", [0, 1])
def test_an_answer_into_a_chat_of_merged_tickets_comes_into_that_chat(
    bot: APIClient, chat: Any, admin: User, asked: int
) -> None:
    widgets = [Widget(chat), Widget(chat)]
    for one, name in zip(widgets, ("Ada", "Rosa"), strict=True):
        one.start(name=name, email=f"{name.lower()}@parcels.example")
        one.write(f"It is {name}", f"message-{name}")
    first, second = Ticket.objects.order_by("pk")
    merge_tickets(ticket=first, into=second, by=admin.as_viewer(), confirm_different_requesters=True)
    answered = bot.post(of(widgets[asked], "messages/"), {"body": "Solved."})
    assert (answered.status_code, answered.data["ticket"]) == (201, second.pk)
    # What somebody else writes meanwhile leads it nowhere else.
    widgets[1 - asked].write("And me?", "message-later")
    send_due()
    told = [[entry["kind"] for entry in one.entries()] for one in widgets]
    assert ["agent" in kinds for kinds in told] == [asked == 0, asked == 1]
    assert Message.objects.get(pk=answered.data["id"]).delivery == "sent"


def test_nobody_sees_chats_of_teams_out_of_sight(
    widget: Widget,
    agent: User,
    csm: User,
    analyst: User,
    admin: User,
    login: Callable[[User], Any],
    api: Callable[..., Any],
) -> None:
    widget.write()
    widget.write("My password is secret", "message-2")
    hidden = Team.objects.create(name="Legal", is_private=True)
    _first, second = Message.objects.order_by("pk")
    moved = split_ticket(ticket=Ticket.objects.get(), message=second, subject="Secret", by=admin.as_viewer())
    browser = login(agent)
    Ticket.objects.filter(pk=moved.pk).update(team=hidden)
    assert "password" not in str(browser.get(of(widget, "entries/")).json())
    Ticket.objects.update(team=hidden)
    for method, more in (
        ("get", ""),
        ("get", "entries/"),
        ("post", "messages/"),
        ("post", "handover/"),
        ("post", "end/"),
    ):
        sent = {"body": "x"} if more == "messages/" else {"assignee": agent.pk} if more == "handover/" else {}
        assert (
            getattr(browser, method)(of(widget, more), sent, content_type="application/json").status_code
            == 404
        ), more
    assert browser.get(CHATS).json()["results"] == []
    assert ChatSession.objects.get().state == "open"
    reader = api("tickets:read")
    assert reader.get(of(widget)).status_code == 200
    for more in ("messages/", "handover/", "end/"):
        assert reader.post(of(widget, more), {}).status_code == 403
    assert login(analyst).post(of(widget, "end/")).status_code == 403
