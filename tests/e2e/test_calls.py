"""Calls in a real browser: the phone rings on the screen, the call is written up, a missed one waits as a ticket."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from core.sequencing import sequence_events
from customers.models import Contact
from people.models import Team, User
from tests.e2e.looks import assert_looks_right
from tests.tickets.conftest import ticket, write
from tickets.channels.phone.cti import sign
from tickets.connections import hook_url
from tickets.models import Call, Inbox, Ticket
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

__all__ = ["ticket", "write"]

SECRET = "a secret of more than twenty letters"
THEIRS = "+4915112345678"
_ids = count(1)


@pytest.fixture
def switchboard(admin: User, team: Team, agent: User) -> Inbox:
    """A telephone inbox; 201 is the agent's extension."""
    return save_inbox(
        name="Switchboard", channel="phone", default_team=team, by=admin.as_viewer(),
        settings={"system": "cti", "signing_secret": SECRET, "lines": {"201": agent.email}, "dial_url": ""},
    )  # fmt: skip


def tell(inbox: Inbox, event: str, **more: Any) -> None:
    """The telephone system calls, and what it says is taken in."""
    body = json.dumps({"call": "c1", "event": event, "from": THEIRS, "direction": "inbound"} | more).encode()
    sent_at, name = int(timezone.now().timestamp()), f"n{next(_ids)}"
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": sign(SECRET, name, sent_at, body),
    }
    path = "/" + hook_url(inbox).partition("://")[2].partition("/")[2]
    assert Client().post(path, body, content_type="application/json", headers=headers).status_code == 200
    take_payloads()
    sequence_events()


def test_a_call_rings_on_the_screen_and_is_written_up(
    enter: Callable[[User, str], Page], switchboard: Inbox, agent: User, contact: Contact, ticket: Ticket
) -> None:
    contact.identities.create(kind="phone", value=THEIRS)
    page = enter(agent, "/inbox/")
    expect(page.locator("html[data-live=on]")).to_be_attached()
    tell(switchboard, "ringing", agents=["201"])
    card = page.locator("#screen-pop section")
    expect(card).to_contain_text("Mette Aas")
    expect(card).to_contain_text("Halden Logistics")
    expect(card).to_contain_text(ticket.subject)
    assert_looks_right(page, "/inbox/")
    expect(card).to_contain_text("Ringing")
    tell(switchboard, "answered", agents=["201"])
    card.get_by_label("Note").fill("Wants a new key")
    tell(switchboard, "ended", duration=65)
    expect(card).to_contain_text("1:05")
    expect(card.get_by_label("Note")).to_have_value("Wants a new key")
    # On every page, until it is written up.
    page.goto("/calls/")
    expect(card).to_contain_text("Mette Aas")
    card.get_by_label("Note").fill("Wants a new key")
    card.get_by_label("Outcome").select_option("follow_up")
    card.get_by_label("Ticket").select_option(str(ticket.pk))
    card.get_by_role("button", name="Done").click()
    expect(card).to_have_count(0)
    page.goto(f"/inbox/{ticket.pk}/")
    expect(page.locator("#thread-pane")).to_contain_text("Wants a new key")
    expect(page.locator("#thread-pane")).to_contain_text("put a call to the ticket")


def test_a_missed_call_is_found_in_the_inbox_and_in_the_log(
    enter: Callable[[User, str], Page], switchboard: Inbox, agent: User
) -> None:
    page = enter(agent, "/inbox/")
    expect(page.locator("html[data-live=on]")).to_be_attached()
    tell(switchboard, "ringing", agents=["201"])
    expect(page.locator("#screen-pop")).to_contain_text("Nobody is known by this number.")
    tell(switchboard, "missed")
    expect(page.locator("#screen-pop section")).to_have_count(0)
    missed = Ticket.objects.get()
    page.goto(f"/inbox/{missed.pk}/")
    expect(page.locator("#thread-pane")).to_contain_text("Missed call from +49 1511 2345678.")
    page.goto("/calls/")
    expect(page.locator("#call-rows")).to_contain_text(f"#{missed.number}")
    assert_looks_right(page, "/calls/")
    page.goto(f"/calls/{Call.objects.get().pk}/")
    expect(page.get_by_role("link", name="Call", exact=True)).to_have_attribute("href", f"tel:{THEIRS}")
    assert_looks_right(page, f"/calls/{Call.objects.get().pk}/")
