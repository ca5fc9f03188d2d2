"""Pages and REST of calls: the log, the card on the screen, write-ups, recordings, calls that somebody writes down."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from customers.models import Contact
from people.models import Team, User
from tickets.api.calls import CallOut
from tickets.calls import call_list
from tickets.models import Call, Inbox, Ticket
from tickets.stored_files import store_file

pytestmark = pytest.mark.django_db

THEIRS = "+4915112345678"


def make_call(**fields: Any) -> Call:
    """A call that has just come in."""
    return Call.objects.create(
        **{
            "direction": "inbound",
            "number": THEIRS,
            "started_at": timezone.now(),
            "provider_id": f"c{Call.objects.count()}",
        }
        | fields
    )


@pytest.fixture
def browser(agent: User, login: Callable[[User], Client]) -> Client:
    """The agent's browser."""
    return login(agent)


def test_the_log_is_filtered_and_costs_the_same_for_many(
    browser: Client, contact: Contact, agent: User
) -> None:
    make_call(state="missed", contact=contact)
    make_call(state="ended", agent=agent, duration_seconds=192, number="+4930901820")
    page = browser.get("/calls/").content.decode()
    assert ("Mette Aas" in page, "3:12" in page, "+49 1511 2345678" in page) == (True, True, True)
    assert "Mette Aas" not in browser.get("/calls/?agent=me").content.decode()
    assert "3:12" not in browser.get("/calls/?state=missed").content.decode()
    assert "3:12" in browser.get("/calls/?number=901820").content.decode()
    with CaptureQueriesContext(connection) as few:
        browser.get("/calls/")
    for _more in range(10):
        make_call(state="ended", contact=contact, agent=agent)
    with CaptureQueriesContext(connection) as many:
        browser.get("/calls/")
    assert len(many) <= len(few)
    for number in range(60):
        make_call(state="ended", number=f"+49309018{number:02}", started_at=timezone.now())
    first = browser.get("/calls/").content.decode()
    assert "from=50" in first
    assert "Mette Aas" in browser.get("/calls/?from=50").content.decode()


def test_the_card_shows_who_calls_and_is_written_up(
    browser: Client, agent: User, contact: Contact, ticket: Ticket
) -> None:
    call = make_call(state="ringing", contact=contact, rung=[agent.pk])
    card = browser.get("/calls/screen/").content.decode()
    assert ("Mette Aas" in card, "Halden Logistics" in card, ticket.subject in card) == (True, True, True)
    assert "I take it" in card
    assert "What came" not in browser.post(f"/calls/{call.pk}/take/").content.decode()
    call.refresh_from_db()
    assert call.agent == agent
    Call.objects.filter(pk=call.pk).update(state="ended", ended_at=timezone.now())
    told = {"note": "Wants a key", "outcome": "solved", "ticket": str(ticket.pk)}
    answer = browser.post(f"/calls/{call.pk}/write-up/", told)
    assert (answer.status_code, "data-call" in answer.content.decode()) == (200, False)
    call.refresh_from_db()
    assert (call.ticket, call.note, call.wrapped_at is not None) == (ticket, "Wants a key", True)
    thread = browser.get(f"/inbox/{ticket.pk}/thread/").content.decode()
    assert ("put a call to the ticket" in thread, "Wants a key" in thread) == (True, True)


def test_a_new_ticket_is_opened_from_the_card(browser: Client, agent: User) -> None:
    call = make_call(state="answered", agent=agent, rung=[agent.pk])
    answer = browser.post(f"/calls/{call.pk}/write-up/", {"note": "", "outcome": "", "ticket": "new"})
    ticket = Ticket.objects.get()
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"/inbox/{ticket.pk}/")
    assert str(ticket.contact) == THEIRS


def test_a_foreign_ticket_cannot_be_named(
    browser: Client, agent: User, private_team: Team, ticket: Ticket
) -> None:
    call = make_call(state="answered", agent=agent, rung=[agent.pk])
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    answer = browser.post(
        f"/calls/{call.pk}/write-up/", {"note": "", "outcome": "", "ticket": str(ticket.pk)}
    )
    call.refresh_from_db()
    assert (answer.status_code, call.ticket) == (422, None)


def test_the_page_of_a_call_and_its_recording(
    browser: Client, agent: User, analyst: User, login: Callable[[User], Client]
) -> None:
    sha256, key = store_file(b"ID3 sound")
    call = make_call(
        state="voicemail",
        recording_key=key,
        recording_sha256=sha256,
        recording_type="audio/mpeg",
        transcript="Hello",
    )
    page = browser.get(f"/calls/{call.pk}/").content.decode()
    assert ("<audio" in page, "Hello" in page) == (True, True)
    heard = browser.get(f"/calls/{call.pk}/recording/")
    assert (heard.content, heard["content-type"]) == (b"ID3 sound", "audio/mpeg")
    saved = browser.post(f"/calls/{call.pk}/", {"note": "Called back", "outcome": "solved", "ticket": ""})
    assert saved.status_code == 302
    call.refresh_from_db()
    assert (call.note, call.outcome) == ("Called back", "solved")
    other = login(analyst)
    assert other.get(f"/calls/{call.pk}/").status_code == 200
    assert other.post(f"/calls/{call.pk}/", {"note": "x", "outcome": "", "ticket": ""}).status_code == 403
    assert browser.get("/calls/99999/").status_code == 404


def test_what_is_private_is_not_found(browser: Client, private_team: Team) -> None:
    inbox = Inbox.objects.create(name="P", channel="phone", default_team=private_team)
    call = make_call(state="ended", inbox=inbox)
    for path in ("", "recording/"):
        assert browser.get(f"/calls/{call.pk}/{path}").status_code == 404


def test_a_call_is_written_down_beside_a_ticket(browser: Client, ticket: Ticket) -> None:
    page = browser.get(f"/inbox/{ticket.pk}/panels/calls/").content.decode()
    assert f"/calls/new/?ticket={ticket.pk}" in page
    told = {
        "direction": "outbound",
        "number": "",
        "started_at": "",
        "minutes": "2.5",
        "outcome": "solved",
        "note": "All well",
    }
    assert browser.post(f"/calls/new/?ticket={ticket.pk}", told).status_code == 302
    call = Call.objects.get()
    assert (call.contact, call.duration_seconds, call.ticket) == (ticket.contact, 150, ticket)
    assert "2:30" in browser.get(f"/inbox/{ticket.pk}/panels/calls/").content.decode()
    refused = browser.post("/calls/new/", told)
    assert (refused.status_code, "Enter a number" in refused.content.decode()) == (422, True)


def test_numbers_dial_on_the_page_of_a_person(browser: Client, contact: Contact, settings: Any) -> None:
    contact.identities.create(kind="phone", value=THEIRS)
    make_call(state="missed", contact=contact)
    page = browser.get(f"/contacts/{contact.pk}/").content.decode()
    assert (f'href="tel:{THEIRS}"' in page, "Missed" in page) == (True, True)


def test_rest_lists_and_writes_down(api: Callable[..., APIClient], contact: Contact, ticket: Ticket) -> None:
    rest = api("tickets:read", "tickets:write", "accounts:read")
    made = rest.post(
        "/api/v1/calls/",
        {"direction": "inbound", "ticket": ticket.pk, "duration_seconds": 61, "note": "n"},
        format="json",
    )
    assert (made.status_code, made.data["contact"], made.data["ticket"]) == (201, contact.pk, ticket.pk)
    make_call(state="missed")
    listed = rest.get("/api/v1/calls/?direction=inbound&state=missed").data["results"]
    assert [one["number"] for one in listed] == [THEIRS]
    assert rest.get(f"/api/v1/calls/{made.data['id']}/").data["duration_seconds"] == 61
    assert rest.get(f"/api/v1/calls/?ticket={ticket.pk}").data["results"][0]["id"] == made.data["id"]
    for body, field in [
        ({"direction": "inbound"}, "number"),
        ({"direction": "inbound", "ticket": 999_999}, "ticket"),
        ({"direction": "inbound", "number": "soon"}, "number"),
        ({"number": THEIRS}, "direction"),
    ]:
        refused = rest.post("/api/v1/calls/", body, format="json")
        assert (refused.status_code, field in str(refused.data)) == (400, True), body
    assert api("tickets:read").post("/api/v1/calls/", {}, format="json").status_code == 403
    assert api("accounts:read").get("/api/v1/calls/").status_code == 403


def test_a_call_does_not_tell_of_a_ticket_that_one_does_not_see(
    browser: Client, agent: User, contact: Contact, ticket: Ticket, private_team: Team
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team, subject="The merger")
    call = make_call(
        state="ended", agent=agent, contact=contact, ticket=ticket, rung=[agent.pk], ended_at=timezone.now()
    )
    for path in ("/calls/", "/calls/screen/", f"/calls/{call.pk}/"):
        answer = browser.get(path)
        page = answer.content.decode()
        assert (answer.status_code, "Mette Aas" in page, "merger" in page) == (200, True, False), path
        assert f"/inbox/{ticket.pk}/" not in page
        assert f'value="{ticket.pk}"' not in page
    private = agent.as_viewer()
    [row] = call_list(private).with_seen_ticket(private)
    assert CallOut(row).data["ticket"] is None
    assert not call_list(private, {"ticket": str(ticket.pk)})
    told = {"note": "Wants a key", "outcome": "solved", "ticket": ""}
    assert browser.post(f"/calls/{call.pk}/write-up/", told).status_code == 200
    call.refresh_from_db()
    assert (call.note, call.ticket) == ("Wants a key", ticket)
    private_team.memberships.create(user=agent)
    assert "The merger" in browser.get(f"/calls/{call.pk}/").content.decode()
