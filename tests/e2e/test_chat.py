"""The chat on a page of another origin with a strict content security policy, from the first word to the rating."""

import gzip
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from core.outbox import send_due
from people.models import User
from tests.e2e.looks import accessibility_problems
from tickets.channels.chat.identity import identity_key, signature
from tickets.channels.chat.snippet import snippet_of
from tickets.models import Inbox, Message, SatisfactionSurvey, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">%s</head>
<body><main><h1>Shop</h1><p>Shoes and more.</p><button id="own">Buy</button></main></body></html>"""


class Shop:
    """Somebody else's site. ``snippet`` is what stands in its pages."""

    def __init__(self, support: str) -> None:
        self.snippet = ""
        self.policy = (
            f"default-src 'none'; script-src {support}; connect-src {support}; frame-ancestors 'none'"
        )
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path != "/favicon.ico"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", shop.policy)
                self.end_headers()
                if found:
                    self.wfile.write((PAGE % shop.snippet).encode())

            def log_message(self, *_args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def shop(site: str) -> Iterator[Shop]:
    """The site, running."""
    made = Shop(site)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def chat(shop: Shop, admin: User) -> Inbox:
    """A chat inbox for it."""
    inbox = save_inbox(
        name="Site chat", channel="chat", default_team=None, by=admin.as_viewer(),
        settings={
            "origins": [shop.origin], "title": "Shop support", "greeting": "Hi! How can we help?",
            "colour": "#3451c4", "position": "right", "ask_name": "required", "ask_email": "required",
            "consent": "I agree that you keep what I write.", "agent_names": "first", "takes_files": True,
            "asks_rating": True, "calendar": None, "closed_text": "", "mail_inbox": None, "mail_after_minutes": 3,
        },
    )  # fmt: skip
    shop.snippet = snippet_of(inbox)
    return inbox


@pytest.fixture
def visitor(chromium: Browser, shop: Shop) -> Iterator[Page]:
    """A visitor's browser; the test fails when the page logged an error, such as a refusal of its policy."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.set_default_timeout(10_000)
    page, complaints = context.new_page(), []

    def hear(message: Any) -> None:
        # Lost connections and refusals are part of the journeys.
        expected = r"status of 4|ERR_INTERNET_DISCONNECTED|CORS policy|ERR_FAILED"
        if message.type == "error" and not re.search(expected, message.text):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def begin(page: Page, shop: Shop) -> None:
    """Open the chat and say who one is."""
    page.goto(shop.origin)
    page.get_by_role("button", name="Open the chat").click()
    page.get_by_role("textbox", name="Your name").fill("Rosa Diaz")
    page.get_by_role("textbox", name="Your e-mail address").fill("rosa@parcels.example")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Start the chat").click()


def write(page: Page, text: str) -> None:
    """Write a message."""
    field = page.get_by_role("textbox", name="Write a message")
    field.fill(text)
    field.press("Enter")


def type_until(field: Locator, sign: Locator) -> None:
    """Keep typing until the other side has seen a sign of it: signs expire, so one pause too long would lose them."""
    for _again in range(30):
        field.press_sequentially("so ")
        if sign.count():
            return
        field.page.wait_for_timeout(700)
    expect(sign).to_be_attached()


def answer(by: User, text: str, **more: Any) -> Message:
    """An agent answers."""
    written = reply_to_ticket(ticket=Ticket.objects.latest("pk"), body=text, by=by.as_viewer(), **more)
    send_due()
    return written


def test_a_stranger_page_loads_little(site: str) -> None:
    script = (django_settings.FRONTEND_DIST / "widget.js").read_bytes()
    assert len(gzip.compress(script)) <= 40_000


def test_a_chat_from_the_first_word_to_the_rating(
    visitor: Page, shop: Shop, chat: Inbox, agent: User, pump: Callable[[], int]
) -> None:
    visitor.goto(shop.origin)
    visitor.get_by_role("button", name="Open the chat").click()
    visitor.get_by_role("button", name="Start the chat").click()
    expect(visitor.get_by_text("Please tell us your name.")).to_be_visible()
    begin(visitor, shop)
    write(visitor, "Where is my parcel?")
    expect(visitor.get_by_text("Sent ·")).to_be_visible()
    assert Ticket.objects.get().contact.email == "rosa@parcels.example"
    answer(agent, "On its way: https://track.example/1")
    expect(visitor.get_by_text("Priya joined the chat")).to_be_visible()
    expect(visitor.get_by_role("link", name="https://track.example/1")).to_be_visible()
    expect(visitor.get_by_role("heading", name="Priya")).to_be_visible()

    # loaded again, in the same place
    visitor.reload()
    visitor.get_by_role("button", name="Open the chat").click()
    expect(visitor.get_by_text("Where is my parcel?")).to_have_count(1)
    expect(visitor.get_by_text("On its way")).to_have_count(1)

    # without a network, and back: said once
    visitor.context.set_offline(True)
    write(visitor, "Are you still there?")
    expect(visitor.get_by_text("Waits for the connection")).to_be_visible()
    expect(visitor.get_by_text("No connection. Trying again …")).to_be_visible()
    visitor.context.set_offline(False)
    expect(visitor.get_by_text("No connection")).to_be_hidden()
    expect(visitor.get_by_text("Sent ·").last).to_be_visible()
    expect(visitor.get_by_text("Waits for the connection")).to_have_count(0)
    assert Message.objects.filter(body_text="Are you still there?").count() == 1
    answer(agent, "Yes. Solved?", status="resolved")
    pump()
    expect(visitor.get_by_text("Your request was marked as solved")).to_be_visible()
    visitor.get_by_role("button", name="Very good").click()
    visitor.get_by_role("textbox", name="Tell us more").fill("Quick")
    visitor.get_by_role("button", name="Submit").click()
    expect(visitor.get_by_text("Thank you for your answer!")).to_be_visible()
    survey = SatisfactionSurvey.objects.get()
    assert (survey.score, survey.comment) == (5, "Quick")
    visitor.get_by_role("button", name="End the chat").click()
    visitor.get_by_role("button", name="Start a new chat").click()
    expect(visitor.get_by_role("button", name="Start the chat")).to_be_visible()


def test_agent_and_visitor_see_each_other_type(
    visitor: Page, shop: Shop, chat: Inbox, agent: User, enter: Callable[[User, str], Page]
) -> None:
    begin(visitor, shop)
    write(visitor, "Hello")
    expect(visitor.get_by_text("Sent ·")).to_be_visible()
    desk = enter(agent, f"/inbox/{Ticket.objects.get().pk}/")
    type_until(
        visitor.get_by_role("textbox", name="Write a message"), desk.get_by_text("Rosa Diaz is typing").first
    )
    desk.keyboard.press("r")
    type_until(desk.locator("textarea[name=body]"), visitor.get_by_text("Priya is typing"))
    desk.get_by_role("button", name=re.compile("^Send")).first.click()
    send_due()


def test_files_go_both_ways(visitor: Page, shop: Shop, chat: Inbox, tmp_path: Any) -> None:
    begin(visitor, shop)
    photo = tmp_path / "box.txt"
    photo.write_text("a box")
    visitor.locator("input[type=file]").set_input_files(str(photo))
    expect(visitor.get_by_role("button", name="Remove box.txt")).to_be_visible()
    visitor.get_by_role("button", name="Send").click()
    with visitor.expect_download() as download:
        visitor.get_by_role("link", name="box.txt").click()
    assert download.value.path().read_text() == "a box"


def test_a_vouched_visitor_is_not_asked(visitor: Page, shop: Shop, chat: Inbox) -> None:
    proof = signature(identity_key(chat), "4711", "rosa@parcels.example")
    who = f'data-user-id="4711" data-user-email="rosa@parcels.example" data-user-name="Rosa" data-user-hash="{proof}"'
    shop.snippet = shop.snippet.replace("<script", f"<script {who}")
    visitor.goto(shop.origin)
    visitor.get_by_role("button", name="Open the chat").click()
    expect(visitor.get_by_role("textbox", name="Your name")).to_have_count(0)
    visitor.get_by_role("checkbox").check()
    visitor.get_by_role("button", name="Start the chat").click()
    write(visitor, "Hello")
    expect(visitor.get_by_text("Sent ·")).to_be_visible()


def test_a_page_that_is_not_named_gets_no_chat(visitor: Page, shop: Shop, chat: Inbox) -> None:
    chat.config = {**chat.config, "origins": ["https://elsewhere.example"]}
    chat.save()
    with visitor.expect_console_message(lambda message: "CORS policy" in message.text):
        visitor.goto(shop.origin)
    expect(visitor.get_by_role("button", name="Open the chat")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_widget_can_be_used_by_everybody(
    chromium: Browser, shop: Shop, chat: Inbox, agent: User, width: int, height: int, theme: Any
) -> None:
    context: BrowserContext = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        bypass_csp=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    try:
        page.goto(shop.origin)
        expect(page.get_by_role("button", name="Open the chat")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Your name")).to_be_focused()
        assert accessibility_problems(page) == []
        page.get_by_role("textbox", name="Your name").fill("Rosa")
        page.get_by_role("textbox", name="Your e-mail address").fill("rosa@parcels.example")
        page.get_by_role("checkbox").check()
        page.keyboard.press("Enter")
        write(page, "Where is my parcel?")
        expect(page.get_by_text("Sent ·")).to_be_visible()
        answer(agent, "On its way.")
        expect(page.get_by_text("On its way.")).to_be_visible()
        assert accessibility_problems(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Open the chat")).to_be_focused()
    finally:
        context.close()
