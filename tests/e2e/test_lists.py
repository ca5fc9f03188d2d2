"""Lists in a browser: a condition built by keyboard becomes a view, and a bulk act with one refusal is taken back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.test_inbox import arrive
from tickets.models import SavedView, Ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status

Enter = Callable[[User, str], Page]


@pytest.fixture
def tickets(contact: Contact) -> list[Ticket]:
    """Three tickets, the first urgent."""
    made = [arrive(contact, f"Number {index}", "Help") for index in range(3)]
    change_priority(ticket=made[0], priority="urgent", by=system_viewer("task"))
    return made


def test_a_condition_built_by_keyboard_becomes_a_view(
    enter: Enter, agent: User, tickets: list[Ticket]
) -> None:
    page = enter(agent, "/inbox/?view=open")
    page.keyboard.press("f")
    page.get_by_role("button", name="+ Condition").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Field")).to_be_focused()
    page.keyboard.type("priority")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    page.keyboard.type("urg")
    expect(page.locator(".cond-options label")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".cond-choice summary")).to_have_text("Urgent")
    page.get_by_role("button", name="Save as view").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name").fill("Hot")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hot", exact=True)).to_be_visible()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("#view-count")).to_have_text("1")
    assert SavedView.objects.get().condition["of"][-1]["value"] == ["urgent"]


def test_a_bulk_act_with_one_refusal_is_reported_and_taken_back(
    enter: Enter, agent: User, tickets: list[Ticket]
) -> None:
    page = enter(agent, "/inbox/?view=open&layout=table")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    change_status(ticket=tickets[2], status="resolved", by=system_viewer("task"))
    page.keyboard.press("j")
    page.get_by_label("Select all on display").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("3 selected")
    page.get_by_role("toolbar", name="Bulk actions").get_by_text("More", exact=True).click()
    page.get_by_role("button", name="In 4 hours").click()
    report = page.locator("#bulk-report")
    expect(report).to_contain_text("2 of 3 done")
    expect(report).to_contain_text(f"#{tickets[2].number}")
    assert Ticket.objects.filter(snoozed_until__isnull=False).count() == 2
    report.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 taken back")).to_be_visible()
    assert not Ticket.objects.filter(snoozed_until__isnull=False).exists()
