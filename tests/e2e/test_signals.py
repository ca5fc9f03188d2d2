"""What a conversation says, as an agent sees and corrects it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import assert_looks_right
from tests.tickets.conftest import FakeMinds
from tickets.incoming import IncomingMessage
from tickets.models import ConversationSignal, Inbox, Ticket
from tickets.services.copy_signals import copy_signals
from tickets.services.receive_message import receive_message
from tickets.services.reply_to_ticket import reply_to_ticket

Enter = Callable[[User, str], Page]


@pytest.fixture
def talk(inbox: Inbox, agent: User, pump: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Ticket:
    """A customer who means to leave and reports a bug, and an answer with a promise."""
    minds = FakeMinds()
    monkeypatch.setattr("tickets.routing.suggest_routing", minds.suggest_routing)
    monkeypatch.setattr("ml.sentiment.scorer.score_messages", minds.score_messages)
    monkeypatch.setattr("ml.sentiment.scorer.sentiment_model", lambda: minds)
    text = "The export crashes since Monday. We are looking at other vendors now."
    incoming = IncomingMessage(channel="email", sender="mette@halden.example", text=text, subject="Export")
    ticket = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox).ticket
    message = ticket.messages.get()
    for kind, share in (("churn", 0.87), ("bug", 0.93), ("anger", 0.66)):
        ConversationSignal.objects.create(
            message=message, kind=kind, probability=share, source="fake/1", said_at=message.created_at
        )
    body = "I am sorry for that. We will send you a corrected export by tomorrow noon, and I'll call you on Friday."
    reply_to_ticket(ticket=ticket, body=body, by=agent.as_viewer())
    pump()
    promise = ConversationSignal.objects.filter(kind="promise").latest("pk")
    ConversationSignal.objects.filter(pk=promise.pk).update(
        state="broken", due_at=timezone.now() - timedelta(hours=3)
    )
    copy_signals(tickets=[ticket], message_ids=[message.pk, promise.message_id])
    return ticket


def test_chips_and_panel_are_corrected_with_one_click(talk: Ticket, agent: User, enter: Enter) -> None:
    page = enter(agent, f"/inbox/{talk.pk}/")
    thread, panel = page.locator("#thread"), page.locator("#ticket-signals")
    expect(thread.get_by_text("Says they leave")).to_be_visible()
    expect(panel.get_by_text("We will send you a corrected export")).to_be_visible()
    thread.get_by_role("button", name="Wrong: Says they leave").click()
    expect(thread.get_by_text("Says they leave")).to_have_count(0)
    assert ConversationSignal.objects.get(kind="churn").state == "dismissed"
    panel.get_by_role("button", name="Kept: We promised").first.click()
    expect(panel.get_by_text("Kept", exact=True)).to_be_visible()


def test_the_pages_look_right(talk: Ticket, agent: User, enter: Enter) -> None:
    page = enter(agent, f"/inbox/{talk.pk}/")
    assert_looks_right(page, f"/inbox/{talk.pk}/")
    assert_looks_right(page, "/inbox/?view=promised")
