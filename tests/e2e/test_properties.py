"""Properties of a ticket in a real browser: put aside by keys, details and checklist while the feed is alive."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from core.sequencing import sequence_events
from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import accessibility_problems, assert_looks_right, overflows
from tickets.custom_fields import values_of
from tickets.incoming import IncomingMessage
from tickets.models import CustomField, Inbox, Ticket, TicketType
from tickets.services.change_tags import change_tags
from tickets.services.receive_message import receive_message

Enter = Callable[[User, str], Page]


def arrive(contact: Contact) -> Ticket:
    """Let the customer write."""
    incoming = IncomingMessage(
        channel="email", sender=contact.email, subject="The export hangs", text="It hangs."
    )
    found = receive_message(incoming=incoming, by=system_viewer("mail")).ticket
    sequence_events()
    return found


def test_a_ticket_is_put_aside_and_taken_back_by_keys(
    enter: Enter, agent: User, contact: Contact, inbox: Inbox
) -> None:
    ticket = arrive(contact)
    page = enter(agent, f"/inbox/{ticket.pk}/?view=unassigned")
    page.locator("html[data-live=on]").wait_for()
    page.keyboard.press("z")
    menu = page.locator(".menu[open] .menu-list")
    expect(menu.locator("[name=until]").first).to_be_focused()
    while "Tomorrow" not in (page.evaluate("() => document.activeElement.textContent") or ""):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#conversation-head .chip.is-accent")).to_contain_text("09:00")
    expect(page.locator("#toasts")).to_contain_text("is put aside until")
    ticket.refresh_from_db()
    assert ticket.snoozed_until is not None
    assert timezone.now() < ticket.snoozed_until < timezone.now() + timedelta(days=2)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("is back")
    ticket.refresh_from_db()
    assert ticket.snoozed_until is None


def test_details_follow_each_other_and_what_is_typed_is_never_taken_away(
    enter: Enter, agent: User, contact: Contact, inbox: Inbox
) -> None:
    incident = TicketType.objects.create(name="Incident", checklist=["Find the cause", "Tell the customer"])
    cause = CustomField.objects.create(key="cause", label="Cause", kind="text", required_on_resolve=True)
    cause.types.set([incident])
    CustomField.objects.create(key="seats", label="Seats", kind="number")
    CustomField.objects.create(key="parts", label="Parts", kind="multi", options=["Web", "Phone", "API"])
    ticket = arrive(contact)
    page = enter(agent, f"/inbox/{ticket.pk}/?view=unassigned")
    page.locator("html[data-live=on]").wait_for()
    details = page.locator("#ticket-details")
    details.get_by_label("Type").select_option(label="Incident")
    field = details.get_by_label("Cause")
    expect(field).to_be_visible()
    page.locator("#panel-work").scroll_into_view_if_needed()
    work = page.locator("#ticket-work")
    expect(work.get_by_role("checkbox", name="Find the cause")).to_be_visible()
    # a colleague changes the ticket while somebody types: the field stays, the news come when it is left
    field.press_sequentially("A full d")
    change_tags(ticket=ticket, add=["disk"], by=system_viewer("task"))
    sequence_events()
    expect(page.locator("#head-tags")).to_contain_text("disk")
    page.wait_for_timeout(600)
    expect(field).to_be_focused()
    field.press_sequentially("isk")
    expect(field).to_have_value("A full disk")
    # the answer about one field comes while the next one is being written
    with page.expect_response("**/details/"):
        field.press("Tab")
        page.keyboard.type("man")
    expect(details.get_by_label("Seats")).to_have_value("man")
    page.keyboard.type("y")
    page.keyboard.press("Enter")
    expect(details.get_by_role("alert")).to_contain_text("Give a number")
    expect(details.get_by_label("Seats")).to_have_value("many")
    details.get_by_label("Seats").fill("12")
    details.get_by_label("Seats").press("Enter")
    expect(details.get_by_role("alert")).to_have_count(0)
    details.locator("summary").filter(has_text="–").click()
    details.get_by_role("checkbox", name="Web").click()
    expect(details.locator(".det-menu summary")).to_contain_text("Web")
    details.get_by_role("checkbox", name="API").click()
    expect(details.locator(".det-menu summary")).to_contain_text("Web, API")
    page.keyboard.press("Escape")
    assert values_of(ticket) == {"cause": "A full disk", "seats": 12, "parts": ["Web", "API"]}
    work.get_by_role("checkbox", name="Find the cause").click()
    expect(work.locator(".todo.is-done")).to_have_count(1)
    work.get_by_label("Add a step").fill("Order a larger disk")
    work.get_by_label("Add a step").press("Enter")
    expect(work.get_by_label("Add a step")).to_be_focused()
    expect(work.locator(".panel-h .more").first).to_have_text("1/3")
    assert accessibility_problems(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert not overflows(page)


def test_the_settings_look_right(enter: Enter, admin: User) -> None:
    incident = TicketType.objects.create(name="Incident", checklist=["Find the cause"])
    condition = {"match": "all", "of": [{"field": "priority", "is": "in", "value": ["high"]}]}
    field = CustomField.objects.create(key="cause", label="Cause", kind="text", condition=condition)
    page = enter(admin, "/settings/statuses/")
    for path in (
        "statuses",
        "statuses/open",
        "types",
        f"types/{incident.pk}",
        "fields",
        f"fields/{field.pk}",
        "tags",
    ):
        assert_looks_right(page, f"/settings/{path}/")
