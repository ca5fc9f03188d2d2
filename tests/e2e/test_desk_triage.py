"""A desk worked by keys alone, and on a telephone."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.sequencing import sequence_events
from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import accessibility_problems, overflows
from tickets.incoming import IncomingMessage
from tickets.models import Inbox, Ticket
from tickets.services.receive_message import receive_message

Enter = Callable[[User, str], Page]
Pump = Callable[[], int]


def arrive(contact: Contact, subject: str) -> Ticket:
    """Let the customer write."""
    incoming = IncomingMessage(
        channel="email", sender=contact.email, subject=subject, text=f"{subject}, please."
    )
    found = receive_message(incoming=incoming, by=system_viewer("mail")).ticket
    sequence_events()
    return found


def test_ten_tickets_are_triaged_without_a_mouse(
    enter: Enter, agent: User, contact: Contact, inbox: Inbox
) -> None:
    tickets = [arrive(contact, f"Question number {number}") for number in range(1, 11)]
    page = enter(agent, "/inbox/?view=unassigned&sort=age")
    page.locator("html[data-live=on]").wait_for()
    head = page.locator("#conversation-head")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    for place, ticket in enumerate(tickets):
        expect(head.get_by_role("heading", name=ticket.subject, exact=True)).to_be_visible()
        page.keyboard.press("a")
        expect(page.get_by_role("button", name="Take it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(head.locator("[data-hotkey=assign]")).to_contain_text("You")
        page.keyboard.press("p")
        expect(head.get_by_role("button", name="Urgent")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(head.locator("[data-hotkey=priority]")).to_contain_text("High")
        page.keyboard.press("l")
        expect(page.locator("#tags-menu input").first).to_be_focused()
        page.keyboard.type("triage")
        page.keyboard.press("Enter")
        expect(page.locator("#head-tags")).to_contain_text("triage")
        page.keyboard.press("Escape")
        page.keyboard.press("Shift+E")
        following = tickets[place + 1].subject if place < 9 else ""
        if following:
            expect(head.get_by_role("heading", name=following, exact=True)).to_be_visible()
    expect(head).to_be_hidden()
    done = Ticket.objects.filter(
        status="resolved", assignee=agent, priority="high", ticket_tags__tag__name="triage"
    )
    assert done.count() == 10


def test_every_key_has_a_control_that_says_so(enter: Enter, agent: User, contact: Contact) -> None:
    ticket = arrive(contact, "Which keys are there")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    for action in (
        "reply",
        "note",
        "assign",
        "status",
        "priority",
        "tags",
        "snooze",
        "macro",
        "resolve",
        "more",
    ):
        control = page.locator(f"[data-hotkey={action}]").first
        expect(control).to_be_visible()
    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog")
    for words in ("Snooze", "Tags", "Macros and canned replies", "Resolve and open the next"):
        expect(help_dialog.get_by_text(words, exact=True)).to_be_visible()


def test_the_desk_on_a_telephone(enter: Enter, agent: User, contact: Contact) -> None:
    ticket = arrive(contact, "Sent from a train")
    page = enter(agent, "/inbox/?view=unassigned")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Sent from a train").click()
    expect(page.locator("#conversation-head")).to_contain_text(ticket.subject)
    page.get_by_role("textbox", name="Message").fill("On its way.")
    assert not overflows(page)
    assert accessibility_problems(page) == []
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_role("link", name="Sent from a train")).to_be_visible()
