"""Answering in a real browser: taken back, left for later and held, beside a colleague, with files and drafts."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from core.outbox import send_due
from core.sequencing import sequence_events
from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.test_inbox import arrive, heard, mine
from tickets.models import Draft, Message
from tickets.services.assign_ticket import assign_ticket
from tickets.services.save_draft import save_draft

Enter = Callable[[User, str], Page]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf500f0003860180a5e1b4a40000000049454e44ae426082"
)


def body(page: Page) -> Any:
    """The field of the composer."""
    return page.locator("textarea[name=body]")


@pytest.fixture
def colleague(chromium: Browser, site: str, lead_user: User) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens a path in the browser of a second person."""
    context = chromium.new_context(base_url=site, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    client = Client()
    client.force_login(lead_user)
    name = django_settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])

    def go(path: str) -> Page:
        page = context.new_page()
        page.goto(path)
        return page

    yield go
    context.close()


def test_an_answer_is_taken_back_with_a_key_and_nothing_left(
    enter: Enter, agent: User, contact: Contact
) -> None:
    ticket = mine(contact, agent, "Too early")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    heard(page)
    page.keyboard.press("r")
    page.keyboard.type("Dear **Mette**, it is")
    page.locator("[data-attach]").set_input_files(
        {"name": "plan.png", "mimeType": "image/png", "buffer": PNG}
    )
    expect(page.locator("[data-files] img.att-pic")).to_be_visible()
    body(page).press("Control+Enter")
    answer = page.locator(".msg.is-out")
    expect(answer.locator("strong")).to_have_text("Mette")
    expect(answer).to_contain_text(re.compile(r"Sending in \d+ s"))
    expect(body(page)).to_have_value("")
    page.keyboard.press("u")
    expect(page.locator(".msg.is-out")).to_have_count(0)
    expect(body(page)).to_have_value("Dear **Mette**, it is")
    expect(page.locator("[data-files]")).to_contain_text("plan.png")
    assert not Message.objects.filter(kind="outbound").exists()
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.first_responded_at) == ("new", None)
    send_due()
    assert mail.outbox == []


def test_left_for_tomorrow_and_held_when_the_customer_writes(
    enter: Enter, agent: User, contact: Contact, pump: Callable[[], int]
) -> None:
    ticket = mine(contact, agent, "For tomorrow")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    heard(page)
    page.keyboard.press("r")
    page.keyboard.type("Good morning")
    page.locator("[data-hotkey=send-options]").click()
    page.get_by_role("button", name="Tomorrow at nine").click()
    waiting = page.locator(".is-waiting")
    expect(waiting).to_contain_text("Scheduled")
    expect(waiting).to_contain_text("Good morning")
    arrive(contact, "For tomorrow", "It works again", ticket)
    pump()
    sequence_events()
    expect(waiting).to_contain_text("The customer wrote first.")
    waiting.get_by_role("button", name="Send anyway").click()
    expect(page.locator(".msg.is-out")).to_contain_text("Sending in")
    expect(page.locator(".is-waiting")).to_have_count(0)
    assert Message.objects.get(kind="outbound").body_text == "Good morning"


def test_two_people_on_one_ticket_see_and_do_not_overrun_each_other(
    enter: Enter, agent: User, lead_user: User, contact: Contact, colleague: Callable[[str], Page]
) -> None:
    ticket = mine(contact, agent, "Both of us")
    page, other = enter(agent, f"/inbox/{ticket.pk}/"), colleague(f"/inbox/{ticket.pk}/")
    heard(page)
    heard(other)
    expect(page.locator("[data-presence-people]")).to_contain_text("LV")
    body(other).click()
    other.keyboard.type("I have an answer, too")
    expect(page.locator("[data-presence-words]")).to_contain_text("Lena Vogt is replying")
    body(page).click()
    page.keyboard.type("Mine")
    body(page).press("Control+Enter")
    expect(page.locator(".comp .alertline[role=alert]")).to_contain_text("Lena Vogt is writing an answer too")
    assert not Message.objects.filter(kind="outbound").exists()
    expect(body(page)).to_have_value("Mine")
    body(page).press("Control+Enter")
    expect(page.locator(".msg.is-out")).to_contain_text("Mine")
    sequence_events()
    expect(other.locator("[data-newer]")).to_be_visible()
    assert Message.objects.filter(kind="outbound").count() == 1


def test_a_draft_is_there_on_the_next_device_and_in_its_own_tab(
    enter: Enter, agent: User, contact: Contact
) -> None:
    ticket = assign_ticket(ticket=arrive(contact, "Later"), assignee=agent, by=system_viewer("task"))
    save_draft(ticket=ticket, kind="note", body="Ask Tom", by=agent.as_viewer())
    page = enter(agent, f"/inbox/{ticket.pk}/")
    expect(body(page)).to_have_value("Ask Tom")
    page.get_by_role("tab", name="Reply").click()
    expect(body(page)).to_have_value("")
    page.keyboard.type("- one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    expect(body(page)).to_have_value("- one\n- two")
    expect(page.locator("[data-draft-state]")).to_contain_text("Draft saved")
    assert Draft.objects.get(kind="reply").body == "- one\n- two"
    page.reload()
    expect(body(page)).to_have_value("- one\n- two")


def test_words_of_another_window_are_there_after_this_one_has_sent(
    enter: Enter, agent: User, contact: Contact
) -> None:
    ticket = mine(contact, agent, "Two windows")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    body(page).click()
    page.keyboard.type("Dear Mette, done.")
    expect(page.locator("[data-draft-state]")).to_contain_text("Draft saved")
    seen = Draft.objects.get().version
    save_draft(
        ticket=ticket, kind="reply", body="And the invoice", by=agent.as_viewer(), version=seen, token="other"
    )
    body(page).press("Control+Enter")
    expect(page.locator(".msg.is-out")).to_contain_text("Dear Mette, done.")
    expect(body(page)).to_have_value("And the invoice")
    assert Draft.objects.get().body == "And the invoice"
