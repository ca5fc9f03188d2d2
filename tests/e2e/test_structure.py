"""Tickets that hang together, in a real browser: merge and back by keyboard, split, link, follow."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.sequencing import sequence_events
from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import accessibility_problems, assert_looks_right
from tickets.incoming import IncomingMessage
from tickets.models import Follower, Inbox, Ticket, TicketLink
from tickets.services.receive_message import receive_message

Enter = Callable[[User, str], Page]


def arrive(contact: Contact, subject: str, text: str = "Hello", ticket: Ticket | None = None) -> Ticket:
    """Let the customer write; live pages hear of it."""
    incoming = IncomingMessage(channel="email", sender=contact.email, subject=subject, text=text)
    found = receive_message(incoming=incoming, by=system_viewer("mail"), ticket=ticket).ticket
    sequence_events()
    return found


def choose(page: Page, words: str) -> None:
    """Open the menu of the ticket by its key and choose an entry with the arrows."""
    page.keyboard.press(".")
    entry = page.locator("[data-head-more] .menu-i", has_text=words)
    expect(entry).to_be_visible()
    while not entry.evaluate("entry => entry === document.activeElement"):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_merging_and_taking_it_back_needs_only_the_keyboard(
    enter: Enter, agent: User, contact: Contact, inbox: Inbox
) -> None:
    first = arrive(contact, "Calendar is wrong", "All meetings are an hour late")
    second = arrive(contact, "Calendar again", "Since Monday, by the way")
    page = enter(agent, f"/inbox/{second.pk}/")
    choose(page, "Merge into")
    search = page.get_by_role("searchbox", name="Find a ticket")
    expect(search).to_be_focused()
    page.keyboard.type(str(first.number))
    expect(page.locator(".pick-i")).to_have_count(1)
    expect(page.locator(".pick-i")).to_contain_text("Calendar is wrong")
    assert accessibility_problems(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#conversation h2")).to_have_text("Calendar is wrong")
    thread = page.locator("#thread")
    expect(thread).to_contain_text("All meetings are an hour late")
    expect(thread).to_contain_text("Since Monday, by the way")
    expect(thread.locator(".msg", has_text="Since Monday").locator(".chip")).to_have_text(f"#{second.number}")
    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    undo.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("stands alone again")
    sequence_events()
    expect(thread).not_to_contain_text("Since Monday, by the way")
    second.refresh_from_db()
    assert (second.merged_into_id, second.status_id) == (None, "new")


def test_a_merged_ticket_says_where_it_goes_on_and_comes_back(
    enter: Enter, agent: User, contact: Contact, inbox: Inbox
) -> None:
    first, second = arrive(contact, "One"), arrive(contact, "Two")
    page = enter(agent, f"/inbox/{second.pk}/")
    choose(page, "Merge into")
    page.locator(".pick-i", has_text="One").click()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator("#conversation h2")).to_have_text("One")
    page.goto(f"/inbox/{second.pk}/")
    expect(page.locator("#conversation-head .banner")).to_contain_text(f"Merged into #{first.number}")
    expect(page.locator("[data-composer]")).to_have_count(0)
    assert_looks_right(page, f"/inbox/{second.pk}/")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator("#conversation-head .banner").get_by_role("button", name="Undo").click()
    expect(page.locator("#conversation-head .banner")).to_have_count(0)
    expect(page.locator("[data-composer]")).to_be_visible()


def test_splitting_following_and_linking(enter: Enter, agent: User, contact: Contact, inbox: Inbox) -> None:
    ticket = arrive(contact, "Calendar is wrong")
    arrive(contact, "Calendar is wrong", "And how do I add a colleague?", ticket)
    other = arrive(contact, "Something else")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    message = page.locator(".msg", has_text="add a colleague")
    message.locator(".msg-more > summary").click()
    message.get_by_text("Make it a ticket of its own").click()
    expect(page.get_by_label("Subject")).to_have_value("And how do I add a colleague?")
    page.get_by_label("Subject").fill("Adding colleagues")
    page.get_by_role("button", name="Open the new ticket").click()
    expect(page.locator("#conversation h2")).to_have_text("Adding colleagues")
    expect(page.locator("dialog[open]")).to_have_count(0)
    choose(page, "Follow")
    expect(page.locator("#toasts")).to_contain_text("You follow")
    assert Follower.objects.get().user == agent
    page.keyboard.press("Escape")
    choose(page, "Link with")
    page.get_by_label("The other ticket is").select_option("child")
    page.locator(".pick-i", has_text="Something else").click()
    page.locator("dialog").get_by_role("button", name="Link", exact=True).click()
    panel = page.locator("#panel-linked")
    expect(panel).to_contain_text(f"#{other.number} Something else")
    expect(panel).to_contain_text("0 of 1 solved")
    expect(panel).to_contain_text("Split off from")
    panel.get_by_role("button", name=f"Remove the link with #{other.number}").click()
    expect(panel).not_to_contain_text("Something else")
    assert TicketLink.objects.get().kind == "split"


def test_merging_strangers_asks_first_and_takes_the_word_by_keyboard(
    enter: Enter, agent: User, inbox: Inbox
) -> None:
    ann = IncomingMessage(channel="email", sender="ann@one.example", subject="Parcel", text="Where?")
    ben = IncomingMessage(channel="email", sender="ben@two.example", subject="A parcel", text="When?")
    first = receive_message(incoming=ann, by=system_viewer("mail")).ticket
    second = receive_message(incoming=ben, by=system_viewer("mail")).ticket
    sequence_events()
    page = enter(agent, f"/inbox/{second.pk}/")
    choose(page, "Merge into")
    expect(page.get_by_role("searchbox", name="Find a ticket")).to_be_focused()
    page.keyboard.type(str(first.number))
    expect(page.locator(".pick-i")).to_contain_text("Parcel")
    page.keyboard.press("Enter")
    warning = page.locator("dialog[open] [role=alert]")
    expect(warning).to_contain_text("ann@one.example")
    expect(warning).to_contain_text("ben@two.example")
    second.refresh_from_db()
    assert second.merged_into_id is None
    assert accessibility_problems(page) == []
    confirmation = page.get_by_role("checkbox", name="They may get each other's answers")
    confirmation.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="Parcel")).to_be_checked()
    page.get_by_role("button", name="Merge", exact=True).press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#conversation h2")).to_have_text("Parcel")
    second.refresh_from_db()
    assert second.merged_into_id == first.pk
