"""The form of a new ticket with the keyboard alone, on a desk and on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from customers.models import Contact
from people.models import Team, User
from tests.e2e.looks import assert_looks_right
from tickets.models import CustomField, Tag, Ticket, TicketType

Enter = Callable[[User, str], None]


@pytest.fixture
def set_up(contact: Contact, team: Team) -> TicketType:
    """A type with a field of each kind, one of them shown by another."""
    incident = TicketType.objects.create(name="Incident", checklist=["Find the cause"])
    Tag.objects.create(name="outage")
    fields = {
        "cause": ("text", {}),
        "people": ("number", {}),
        "area": ("choice", {"options": ["API", "Billing"]}),
        "places": ("multi", {"options": ["Berlin", "Oslo"]}),
        "since": ("date", {}),
        "public": ("bool", {}),
        "customer": ("reference", {"reference": "account", "required_on_resolve": True}),
    }
    for key, (kind, more) in fields.items():
        row = CustomField.objects.create(key=key, label=key.capitalize(), kind=kind, **more)
        row.types.add(incident)
    shown_by = {"field": "field:cause", "is": "contains", "value": "cable"}
    CustomField.objects.create(key="cable", label="Which cable", kind="text", condition=shown_by)
    return incident


def test_a_ticket_is_opened_with_the_keyboard_alone(
    page: Page, enter: Enter, agent: User, set_up: TicketType
) -> None:
    enter(agent, "/inbox/new/")
    keyboard = page.keyboard
    expect(page.get_by_label("Customer's e-mail address")).to_be_focused()
    keyboard.type("mette@halden.example")
    for _stop in ("Name", "How did they reach you?", "Subject"):
        keyboard.press("Tab")
    keyboard.type("The line is dead")
    keyboard.press("Tab")
    keyboard.type("Nothing works since noon.")
    keyboard.press("Tab")
    expect(page.get_by_label("Type", exact=True)).to_be_focused()
    keyboard.type("Inc")  # the menu chooses what begins so
    keyboard.press("Tab")
    cause = page.get_by_label("Cause", exact=True)
    expect(cause).to_be_visible()
    # the fields have come, what was typed is kept, and the keyboard stands where it stood
    expect(page.get_by_label("Priority")).to_be_focused()
    expect(page.get_by_label("Subject")).to_have_value("The line is dead")
    expect(page.get_by_label("Type", exact=True)).to_have_value(str(set_up.pk))
    cause.focus()
    keyboard.type("a cable")
    expect(page.get_by_label("Which cable")).to_have_count(0)
    keyboard.press("Tab")
    expect(page.get_by_label("Which cable")).to_be_visible()
    expect(cause).to_have_value("a cable")
    page.get_by_label("Oslo").focus()
    keyboard.press("Space")
    page.get_by_label("Customer *").focus()
    keyboard.type("Hald")
    option = page.locator("#found-customer option")
    expect(option).to_have_count(1)
    page.get_by_label("Customer *").fill(option.get_attribute("value") or "")
    page.get_by_label("Tags").focus()
    keyboard.type("outage, ")
    page.get_by_role("button", name="Open the ticket").focus()
    page.wait_for_load_state("networkidle")
    keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/inbox/\d+/"))
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.type) == ("The line is dead", set_up)
    values = {row.field.key: row.text for row in ticket.field_values.select_related("field")}
    assert values == {"cause": "a cable", "places": "Oslo", "customer": str(ticket.account_id)}
    assert [one.tag.name for one in ticket.ticket_tags.select_related("tag")] == ["outage"]


def test_the_form_looks_right_with_every_kind_of_field(
    page: Page, enter: Enter, lead_user: User, set_up: TicketType
) -> None:
    for field in CustomField.objects.all():
        field.types.clear()
    enter(lead_user, "/inbox/new/")
    assert_looks_right(page, "/inbox/new/")


def test_the_list_of_exports_looks_right(page: Page, enter: Enter, agent: User) -> None:
    enter(agent, "/inbox/exports/")
    assert_looks_right(page, "/inbox/exports/")
