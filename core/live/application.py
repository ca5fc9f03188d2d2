"""The ASGI application behind `/live/`; everything else is passed to Django.

One poller per process reads new events by ``seq`` and hands them to the open streams; an idle stream holds no database
connection. Clients resume with ``Last-Event-ID``; who has missed too much gets ``reset`` and reloads.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from django.conf import settings

from core.live import reader
from core.live.reader import Change, Listener

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLL_SECONDS = 0.3
SESSION_SECONDS = 5.0
KEEPALIVE_SECONDS = 15.0
QUEUE_SIZE = 500


@dataclass(eq=False, kw_only=True)
class OpenStream:
    """One open connection, and what waits to be written to it; None ends it."""

    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_SIZE))

    def offer(self, chunk: bytes | None) -> None:
        """Queue a chunk; a client too slow to read is closed and will resume."""
        try:
            self.queue.put_nowait(chunk)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)

    async def write(self, send: Send, disconnected: "asyncio.Task[None]") -> None:
        """Write what comes, and a sign of life now and then, until either side ends the connection."""
        while not disconnected.done():
            chunk = await _next_chunk(self.queue, disconnected)
            if chunk is None:
                break
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


@dataclass(eq=False)
class Stream(OpenStream):
    """A browser of the desk: who listens to which topics."""

    listener: Listener
    # Up to here the client has been told; None until the opening is written. Each stream has a place of its own: one for
    # all would pass over what happens while a stream is being opened.
    seq: int | None = None


class LiveFeed:
    """ASGI middleware in front of Django."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner
        self.streams: set[Stream] = set()
        self._poller: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/live/` here and pass everything else on."""
        if scope["type"] == "http" and scope["path"] == "/live/":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self.inner(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for stream in self.streams:
                    stream.offer(None)
                if self._poller is not None:
                    self._poller.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await refuse(send, 405)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            await refuse(send, 403)
            return
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        topics = frozenset(topic for value in query.get("topics", []) for topic in value.split(",") if topic)
        listener = await in_thread(reader.identify)(_session_key(headers.get("cookie", "")), topics)
        if listener is None:
            await refuse(send, 401)
            return
        last_event_id = headers.get("last-event-id") or next(iter(query.get("last", [])), "")
        await self._stream(listener, last_event_id, receive, send)

    async def _stream(self, listener: Listener, last_event_id: str, receive: Receive, send: Send) -> None:
        stream = Stream(listener)
        await begin(send)
        self._ensure_poller()
        self.streams.add(stream)
        disconnected = asyncio.create_task(wait_for_disconnect(receive))
        try:
            stream.seq, chunks = await in_thread(_opening)(listener, last_event_id)
            for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await stream.write(send, disconnected)
        except OSError:
            logger.debug("live client went away")
        finally:
            self.streams.discard(stream)
            disconnected.cancel()
        if not disconnected.done() or disconnected.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _ensure_poller(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        """Read new events while anybody listens and hand each stream what it may see."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            streams = [stream for stream in self.streams if stream.seq is not None]
            if not streams:
                continue
            try:
                listeners = {stream.listener for stream in streams}
                after = min(stream.seq for stream in streams if stream.seq is not None)
                newest, changes = await in_thread(reader.read)(after, listeners)
                if loop.time() - checked > SESSION_SECONDS:
                    checked = loop.time()
                    alive = await in_thread(reader.alive)(listeners)
                    for stream in [stream for stream in streams if stream.listener not in alive]:
                        stream.offer(None)
            except Exception:
                logger.exception("the live feed could not read; it tries again")
                await asyncio.sleep(2)
                continue
            for stream in streams:
                for change in changes.get(stream.listener, []):
                    if change.seq > (stream.seq or 0):
                        stream.offer(_chunk(change))
                stream.seq = max(stream.seq or 0, newest)


def _opening(listener: Listener, last_event_id: str) -> tuple[int, list[bytes]]:
    """Return where the feed stands and the first chunks: that place, then what the client missed or the order to reload."""
    head = reader.head()
    chunks = [f"retry: 2000\nid: {head}\nevent: hello\ndata: {{}}\n\n".encode()]
    if last_event_id.isdecimal() and int(last_event_id) < head:
        missed = reader.missed(int(last_event_id), head, listener)
        if missed is None:
            chunks.append(f"id: {head}\nevent: reset\ndata: {{}}\n\n".encode())
        else:
            chunks += [_chunk(change) for change in missed]
    return head, chunks


def _chunk(change: Change) -> bytes:
    data = json.dumps({"verb": change.verb, "subject": change.subject}, separators=(",", ":"))
    return f"id: {change.seq}\nevent: change\ndata: {data}\n\n".encode()


async def begin(send: Send, headers: Mapping[str, str] | None = None) -> None:
    """Begin an answer of server-sent events, with further headers."""
    more = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    fixed = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": [*fixed, *more]})


async def _next_chunk(
    queue: "asyncio.Queue[bytes | None]", disconnected: "asyncio.Task[None]"
) -> bytes | None:
    """Wait for the next chunk, a keep-alive or the end of the connection."""
    getter = asyncio.create_task(queue.get())
    done, _pending = await asyncio.wait(
        {getter, disconnected}, timeout=KEEPALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    if getter in done:
        return getter.result()
    getter.cancel()
    return None if disconnected in done else b": keep-alive\n\n"


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def refuse(send: Send, status: int, headers: Mapping[str, str] | None = None) -> None:
    """Answer with a status and nothing else."""
    more = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *more]}
    await send(start)
    await send({"type": "http.response.body", "body": b""})


def _session_key(cookie_header: str) -> str:
    try:
        morsel = SimpleCookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def in_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Run a database function in a worker thread and give its connection back at the end."""
    return sync_to_async(reader.releasing(function), thread_sensitive=False)
