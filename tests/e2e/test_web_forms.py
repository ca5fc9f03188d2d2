"""A public form in a browser: with the keyboard alone, on a desk and a phone, and in a frame of another site."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, expect

from core.outbox import send_due
from people.models import User
from tests.e2e.looks import accessibility_problems, assert_looks_right
from tickets.channels.web.services.take_submissions import take_submissions
from tickets.models import CustomField, Inbox, Ticket, TicketType
from tickets.services.save_inbox import save_inbox

Enter = Callable[[User, str], None]


class _OtherSite(http.server.BaseHTTPRequestHandler):
    """A page of another origin with the form in a frame."""

    form_url = ""

    def do_GET(self) -> None:
        """Answer every path with the page."""
        frame = f'<iframe title="Ask us" width="640" height="900" src="{self.form_url}"></iframe>'
        body = f'<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>{frame}'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other_site() -> Iterator[str]:
    """Another website on this machine; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OtherSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def form(admin: User, other_site: str) -> Inbox:
    """A form with a field that another shows; the other website may use it."""
    kind = TicketType.objects.create(name="Return")
    reason = CustomField.objects.create(
        key="reason", label="Reason", kind="choice", options=["Damaged", "Wrong article"], position=1
    )
    damage = CustomField.objects.create(
        key="damage",
        label="What is damaged?",
        kind="text",
        position=2,
        condition={"field": "field:reason", "is": "in", "value": ["Damaged"]},
    )
    reason.types.add(kind)
    damage.types.add(kind)
    settings = {
        "title": "Return an article", "company": "Halden Seals", "language": "en", "ask_name": "optional",
        "intro": "Tell us what is wrong with it. We answer within a day.", "ask_subject": "required", "type": kind,
        "fields_shown": ["reason", "damage"], "required_fields": ["damage"], "take_files": True, "double_opt_in": True,
        "hourly_limit": 300, "origins": other_site,
    }  # fmt: skip
    return save_inbox(
        name="Returns", channel="web", default_team=None, settings=settings, by=admin.as_viewer()
    )


def work() -> None:
    """The workers have a look."""
    send_due()
    take_submissions(until=timezone.now() + timedelta(minutes=1))


def test_a_customer_writes_confirms_and_a_ticket_opens(
    page: Page, enter: Enter, admin: User, form: Inbox
) -> None:
    address = f"/forms/{form.hook_key}/"
    assert_looks_right(page, address)
    assert_looks_right(page, f"{address}thanks/")
    page.goto(address)
    page.wait_for_timeout(2100)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Send message").click()
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("link", name="Your e-mail address")).to_be_visible()
    assert accessibility_problems(page) == []
    alert.get_by_role("link", name="Your e-mail address").click()
    page.keyboard.type("ida@halden.example")
    page.keyboard.press("Tab")
    page.keyboard.type("Broken seal")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("Dam")
    page.keyboard.press("Tab")
    page.get_by_label("What is damaged?").fill("the rim")
    expect(page.get_by_label("Subject")).to_have_value("Broken seal")
    page.get_by_label("Your message").fill("The seal is broken.")
    page.get_by_label("Files (optional)").set_input_files(
        {"name": "rim.txt", "mimeType": "text/plain", "buffer": b"rim"}
    )
    page.wait_for_timeout(2100)
    page.get_by_role("button", name="Send message").click()
    expect(page.get_by_role("heading", name="Please look into your mailbox")).to_be_visible()
    work()
    found = re.search(r"https?://[^/]+(/forms/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    assert_looks_right(page, found.group(1))
    page.get_by_role("button", name="Yes, send my message").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    work()
    ticket = Ticket.objects.get()
    assert ticket.messages.get().attachments.get().name == "rim.txt"
    listed = f"/settings/inboxes/{form.pk}/submissions/"
    enter(admin, listed)
    assert_looks_right(page, listed)
    page.get_by_role("link", name="Broken seal").click()
    expect(page.get_by_text("Confirmed by the link in our mail")).to_be_visible()
    assert_looks_right(page, page.url)
    assert_looks_right(page, f"/settings/inboxes/{form.pk}/")


def test_another_site_shows_it_in_a_frame(page: Page, form: Inbox, site: str, other_site: str) -> None:
    _OtherSite.form_url = f"{site}/forms/{form.hook_key}/?embed=1"
    page.goto(other_site)
    frame = page.frame_locator("iframe")
    frame.get_by_label("Your e-mail address").fill("ida@halden.example")
    frame.get_by_label("Subject").fill("From a frame")
    frame.get_by_label("Reason").select_option("Wrong article")
    frame.get_by_label("Your message").fill("It is another one.")
    page.wait_for_timeout(2100)
    frame.get_by_role("button", name="Send message").click()
    expect(frame.get_by_role("heading", name="Please look into your mailbox")).to_be_visible()
    assert page.context.cookies() == []
