"""The live feed over a real connection to the ASGI application."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import transaction
from django.test import Client

from core.live.application import LiveFeed, in_thread
from core.live.subjects import LiveSubject, live_subjects
from core.sequencing import sequence_events
from people.events import AVAILABILITY_CHANGED
from people.models import User
from people.viewer import Viewer

pytestmark = pytest.mark.django_db(transaction=True)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the feed."""
    raise AssertionError("must not be reached")


class Feed:
    """A client of `/live/`."""

    def __init__(self, app: LiveFeed, cookie: str, topics: str, last_event_id: str = "") -> None:
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())]
        if last_event_id:
            headers.append((b"last-event-id", last_event_id.encode()))
        self.connection: Any = ApplicationCommunicator(  # type: ignore[no-untyped-call]
            app,
            {
                "type": "http",
                "method": "GET",
                "path": "/live/",
                "query_string": f"topics={topics}".encode(),
                "headers": headers,
            },
        )

    async def open(self) -> int:
        """Connect and return the status; a refused connection has no body worth reading."""
        await self.connection.send_input({"type": "http.request", "body": b""})
        start = await self.connection.receive_output(5)
        return int(start["status"])

    async def next(self, timeout: float = 5) -> tuple[str, str, Any]:
        """Return (id, event, data) of the next message."""
        while True:
            chunk = (await self.connection.receive_output(timeout))["body"].decode()
            if chunk.startswith(":"):
                continue
            fields = dict(line.split(": ", 1) for line in chunk.strip().splitlines())
            return fields.get("id", ""), fields.get("event", ""), json.loads(fields.get("data", "null"))

    async def close(self) -> None:
        """Disconnect."""
        await self.connection.send_input({"type": "http.disconnect"})
        await self.connection.wait(5)


def session_of(user: User) -> str:
    """Log in and return the session key."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def change(user: User) -> int:
    """Record an event about a user and return its place."""
    with transaction.atomic():
        AVAILABILITY_CHANGED.record(by=Viewer(kind="staff", user_id=user.pk), subject_id=user.pk)
    return sequence_events()


@pytest.fixture
def in_loop() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Run an async scenario."""
    return lambda scenario: asyncio.run(scenario())


def test_listeners_hear_what_they_asked_for_and_may_see(agent: User, csm: User, in_loop: Any) -> None:
    mine, others = session_of(agent), session_of(csm)

    async def scenario() -> None:
        app = LiveFeed(nothing)
        listener = Feed(app, mine, f"people,user:{agent.pk},user:{csm.pk}")
        stranger = Feed(app, others, f"user:{agent.pk}")
        assert await listener.open() == 200
        assert await stranger.open() == 200
        assert (await listener.next())[1] == "hello"
        assert (await stranger.next())[1] == "hello"
        await asyncio.sleep(0.5)
        await in_thread(change)(csm)
        seq = await in_thread(change)(agent)
        assert await listener.next() == (
            str(seq),
            "change",
            {"verb": "people.availability_changed", "subject": f"user:{agent.pk}"},
        )
        with pytest.raises(asyncio.TimeoutError):
            await stranger.next(timeout=1)
        await listener.close()

    in_loop(scenario)


def test_a_resumed_stream_gets_what_it_missed(agent: User, in_loop: Any) -> None:
    session = session_of(agent)
    first = change(agent)
    second = change(agent)

    async def scenario() -> None:
        feed = Feed(LiveFeed(nothing), session, "people", last_event_id=str(first))
        assert await feed.open() == 200
        assert (await feed.next())[1] == "hello"
        assert (await feed.next())[0] == str(second)
        await feed.close()

    in_loop(scenario)


def test_nothing_is_lost_between_two_streams(agent: User, in_loop: Any) -> None:
    session = session_of(agent)

    async def scenario() -> None:
        app = LiveFeed(nothing)
        first = Feed(app, session, "people")
        await first.open()
        place = (await first.next())[0]
        await first.close()
        await asyncio.sleep(0.5)
        missed = await in_thread(change)(agent)
        second = Feed(app, session, f"people&last={place}")
        await second.open()
        assert (await second.next())[1] == "hello"
        assert (await second.next())[0] == str(missed)
        # Nobody listened until now, and the poller has not looked yet.
        heard = await in_thread(change)(agent)
        assert (await second.next())[0] == str(heard)
        await second.close()

    in_loop(scenario)


def test_who_missed_too_much_is_told_to_reload(
    agent: User, in_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.live.reader.MOST_MISSED", 1)
    session = session_of(agent)
    for _ in range(3):
        change(agent)

    async def scenario() -> None:
        feed = Feed(LiveFeed(nothing), session, "people", last_event_id="1")
        await feed.open()
        await feed.next()
        assert (await feed.next())[1] == "reset"
        await feed.close()

    in_loop(scenario)


def test_strangers_are_refused_and_a_revoked_session_is_closed(
    agent: User, in_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.live.application.SESSION_SECONDS", 0.1)
    session = session_of(agent)

    async def scenario() -> None:
        app = LiveFeed(nothing)
        assert await Feed(app, "nonsense", "people").open() == 401
        feed = Feed(app, session, "people")
        assert await feed.open() == 200
        await feed.next()
        await in_thread(User.objects.filter(pk=agent.pk).update)(is_active=False)
        end = await feed.connection.receive_output(5)
        assert end == {"type": "http.response.body", "body": b"", "more_body": False}

    in_loop(scenario)


def test_every_live_subject_hides_what_does_not_exist(agent: User) -> None:
    for subject in live_subjects:
        assert isinstance(subject, LiveSubject)
        assert subject.visible_ids(agent.as_viewer(), {999_999_999}) == set()
