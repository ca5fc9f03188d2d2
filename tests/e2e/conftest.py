"""A real browser against the real ASGI application, live feed included.

``site`` is the running application's address, ``page`` a fresh browser page whose console must stay clean, ``enter`` opens
a path as somebody. There are no workers: call ``pump()`` where events must reach subscribers.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from core.live.application import LiveFeed
from people.models import User
from tickets.channels.chat.stream import ChatStreams

START_SECONDS = 20
# Playwright keeps an event loop in the test's thread; the ORM is still used synchronously there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; WhiteNoise streams files in a way Django's ASGI handler warns about, and leaves a file to
    the garbage collector when the browser has gone on before it came."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"))
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed file .*dist:ResourceWarning"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Chromium once: the program named by CHROMIUM, else the system's."""
    program = os.environ.get("CHROMIUM") or "/usr/bin/chromium"
    if not Path(program).is_file():
        pytest.fail(
            f"The browser tests need Chromium, and {program} is missing; set CHROMIUM=/path/to/chromium."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(transactional_db: None, settings: Any) -> Iterator[str]:
    """Run the ASGI application in a thread and return its address."""
    if not (django_settings.FRONTEND_DIST / "app.js").is_file():
        pytest.fail("The browser tests need the built assets: run make setup-web.")
    settings.WHITENOISE_USE_FINDERS = True
    settings.WHITENOISE_AUTOREFRESH = True
    application = ChatStreams(LiveFeed(get_asgi_application()))
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host="127.0.0.1",
            port=0,
            lifespan="on",
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, name="e2e-site", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            pytest.fail("the application did not start")
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    settings.SITE_URL = f"http://127.0.0.1:{port}"
    yield settings.SITE_URL
    server.should_exit = True
    thread.join(START_SECONDS)


@pytest.fixture
def context(chromium: Browser, site: str) -> Iterator[BrowserContext]:
    """A browser profile of its own, 1280x800, light."""
    made = chromium.new_context(base_url=site, viewport={"width": 1280, "height": 800}, color_scheme="light")
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; the test fails when it logged an error (a broken script, a refusal of the content security policy)."""
    made = context.new_page()
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # A refused form (422) or a missing page is an answer, not a fault of the page.
        if message.type == "error" and "status of 4" not in message.text:
            complaints.append(message.text)

    def miss(request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":
            aborted.append(request.url)

    aborted: list[str] = []
    made.on("console", hear)
    made.on("requestfailed", miss)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    if aborted:  # a page that is left drops its requests, and htmx tells of each
        complaints = [
            one
            for one in complaints
            if not one.startswith(("htmx:afterRequest,", "htmx:sendError,", "htmx:sendAbort,"))
        ]
    assert complaints == []


@pytest.fixture
def enter(context: BrowserContext, page: Page, site: str) -> Callable[[User, str], Page]:
    """Return a function that opens a path as somebody, without the login form."""

    def go(user: User, path: str) -> Page:
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
        page.goto(path)
        return page

    return go
