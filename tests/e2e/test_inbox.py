"""The inbox in a real browser: what arrives is seen, answering works by keyboard, nothing typed is lost."""

import re
from collections.abc import Callable

import pytest
from django.core import mail
from playwright.sync_api import Page, expect
from rest_framework.test import APIClient

from core.outbox import send_due
from core.sequencing import sequence_events
from customers.models import Contact
from ml.models import Feedback
from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import assert_looks_right
from tests.tickets.conftest import FakeMinds
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Category, Inbox, Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.receive_message import receive_message

Enter = Callable[[User, str], Page]
Pump = Callable[[], int]


@pytest.fixture
def minds(monkeypatch: pytest.MonkeyPatch) -> FakeMinds:
    """Replace the models by words: "invoice" is about Billing."""
    fake = FakeMinds()
    monkeypatch.setattr("tickets.routing.suggest_routing", fake.suggest_routing)
    monkeypatch.setattr("ml.sentiment.scorer.score_messages", fake.score_messages)
    monkeypatch.setattr("ml.sentiment.scorer.sentiment_model", lambda: fake)
    return fake


@pytest.fixture
def billing(agent: User, inbox: Inbox) -> Category:
    """What the agent's team handles."""
    team = agent.memberships.get().team
    Category.objects.create(name="Contracts", team=team)
    return Category.objects.create(name="Billing questions", team=team)


def arrive(contact: Contact, subject: str, text: str = "Hello", ticket: Ticket | None = None) -> Ticket:
    """Let the customer write; live pages hear of it."""
    incoming = IncomingMessage(channel="email", sender=contact.email, subject=subject, text=text)
    found = receive_message(incoming=incoming, by=system_viewer("mail"), ticket=ticket).ticket
    sequence_events()
    return found


def mine(contact: Contact, agent: User, subject: str) -> Ticket:
    """A ticket of the agent."""
    ticket = assign_ticket(ticket=arrive(contact, subject), assignee=agent, by=system_viewer("task"))
    sequence_events()
    return ticket


def heard(page: Page) -> None:
    """Wait until the page listens to the live feed."""
    page.locator("html[data-live=on]").wait_for()


def test_a_ticket_posted_by_rest_is_seen_routed_and_answered_without_reloading(
    enter: Enter, agent: User, api: Callable[..., APIClient], contact: Contact, billing: Category,
    minds: FakeMinds, pump: Pump,
) -> None:  # fmt: skip
    User.objects.filter(pk=agent.pk).update(preferences={"undo_seconds": 0})
    page = enter(agent, "/inbox/")
    expect(page.get_by_text("No open ticket is yours")).to_be_visible()
    page.evaluate("() => { window.stayed = true }")
    heard(page)
    posted = api("tickets:write").post(
        "/api/v1/tickets/",
        {
            "subject": "Wrong invoice",
            "body": "Our invoice shows the old VAT number.",
            "contact": {"email": contact.email, "name": contact.name},
            "channel": "api",
        },
    )
    assert posted.status_code == 201
    pump()
    page.get_by_role("button", name="1 new ticket · Wrong invoice").click()
    page.get_by_role("link", name="Mette Aas, Halden Logistics: Wrong invoice").click()
    expect(page.locator("#prediction")).to_contain_text("Routed to Billing · Billing questions 0.93")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator("#prediction")).to_contain_text("Confirmed")
    assert Feedback.objects.get().label == "Billing questions"

    page.keyboard.press("r")
    page.keyboard.type("The corrected invoice is on its way.")
    page.keyboard.press("Control+Enter")
    answer = page.locator(".msg.is-out")
    expect(answer).to_contain_text("The corrected invoice is on its way.")
    expect(answer).to_contain_text("Queued")
    send_due()
    sequence_events()
    expect(answer).not_to_contain_text("Queued")
    assert mail.outbox[0].to == ["Mette Aas <mette@halden.example>"]
    assert page.evaluate("() => window.stayed")


def test_rows_change_in_place_and_the_selection_stays(enter: Enter, agent: User, contact: Contact) -> None:
    first, second = mine(contact, agent, "First"), mine(contact, agent, "Second")
    page = enter(agent, "/inbox/")
    heard(page)
    before = page.locator("[data-row]").evaluate_all("rows => rows.map(row => row.id)")
    page.keyboard.press("j")
    page.keyboard.press("x")
    arrive(contact, "", "This is news", ticket=first)
    change_status(ticket=second, status="resolved", by=system_viewer("task"))
    sequence_events()
    expect(page.locator(f"#ticket-row-{first.pk}")).to_contain_text("This is news")
    expect(page.locator(f"#ticket-row-{second.pk}")).to_contain_text("Resolved")
    assert page.locator("[data-row]").evaluate_all("rows => rows.map(row => row.id)") == before
    expect(page.locator("[data-row-check]:checked")).to_have_count(1)
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")


def test_nothing_typed_is_lost_when_the_customer_writes_first(
    enter: Enter, agent: User, contact: Contact
) -> None:
    ticket = mine(contact, agent, "Login loop")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    heard(page)
    field = page.get_by_label("Message", exact=True)
    field.fill("Half of an answer")
    arrive(contact, "", "Found it myself, thank you", ticket=ticket)
    expect(page.locator("#thread")).to_contain_text("Found it myself, thank you")
    expect(page.get_by_text("A newer message has arrived while you were writing.")).to_be_visible()
    expect(field).to_have_value("Half of an answer")
    field.focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Mette Aas wrote while you were writing")).to_be_visible()
    expect(field).to_have_value("Half of an answer")
    assert not ticket.messages.filter(kind="outbound").exists()
    page.get_by_role("button", name="Send", exact=False).first.click()
    expect(page.locator(".msg.is-out")).to_contain_text("Half of an answer")
    expect(field).to_have_value("")


def test_triage_by_keyboard(
    enter: Enter, agent: User, contact: Contact, billing: Category, minds: FakeMinds, pump: Pump
) -> None:
    ticket = arrive(contact, "Something odd")
    page = enter(agent, "/inbox/?view=open")
    heard(page)
    expect(page.locator(f"#ticket-row-{ticket.pk}")).to_contain_text("routing …")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#prediction")).to_contain_text("Routing …")
    pump()
    expect(page.locator("#prediction")).to_contain_text("Perhaps Billing questions")
    expect(page.locator(f"#ticket-row-{ticket.pk}")).to_contain_text("unsure")
    page.locator("#prediction").get_by_text("Change").click()
    page.locator("#prediction").get_by_role("button", name="Contracts").click()
    expect(page.locator("#prediction")).to_contain_text("Routed by hand to Billing · Contracts")
    page.keyboard.press("p")
    page.get_by_role("button", name="Urgent").press("Enter")
    page.keyboard.press("e")
    expect(page.locator("summary[data-hotkey=priority]")).to_have_text("Urgent")
    expect(page.locator("summary[data-hotkey=status]")).to_have_text("Resolved")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("is now: Open")
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.priority) == ("open", "urgent")


def test_html_of_a_customer_stays_in_its_frame(enter: Enter, agent: User, contact: Contact) -> None:
    incoming = IncomingMessage(
        channel="email",
        sender=contact.email,
        subject="Newsletter",
        text="Hello you",
        html="<p>Hello <b>you</b></p><script>parent.document.title='taken'</script>",
        files=[IncomingFile("trace.har", b"{}", "application/json")],
    )
    ticket = receive_message(incoming=incoming, by=system_viewer("mail")).ticket
    page = enter(agent, f"/inbox/{ticket.pk}/")
    page.get_by_role("button", name="Show as HTML").click()
    expect(page.frame_locator("iframe.msg-frame").locator("b")).to_have_text("you")
    assert "taken" not in page.title()
    with page.expect_download() as download:
        page.get_by_role("link", name="trace.har").click()
    assert download.value.suggested_filename == "trace.har"


def test_a_phone_shows_one_pane_with_addresses_and_a_way_back(
    enter: Enter, agent: User, contact: Contact, page: Page
) -> None:
    ticket = mine(contact, agent, "From the road")
    page.set_viewport_size({"width": 390, "height": 844})
    enter(agent, "/inbox/")
    page.get_by_role("link", name="Mette Aas, Halden Logistics: From the road").click()
    expect(page.locator("#conversation")).to_be_visible()
    expect(page.locator(".pane.list")).to_be_hidden()
    expect(page).to_have_url(re.compile(f"/inbox/{ticket.pk}/"))
    page.get_by_role("button", name="Show the customer").click()
    expect(page.locator("#context")).to_contain_text("mette@halden.example")
    page.get_by_role("button", name="Back to the conversation").click()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".pane.list")).to_be_visible()
    page.go_back()
    expect(page.locator("#conversation")).to_contain_text("From the road")


def test_every_part_looks_right(
    enter: Enter, agent: User, contact: Contact, billing: Category, minds: FakeMinds, pump: Pump
) -> None:
    ticket = mine(contact, agent, "An invoice")
    arrive(contact, "Something odd")
    pump()
    page = enter(agent, "/inbox/")
    for path in (
        "/inbox/",
        f"/inbox/{ticket.pk}/",
        "/inbox/?view=triage",
        "/inbox/?view=waiting",
        "/inbox/new/",
    ):
        assert_looks_right(page, path)
