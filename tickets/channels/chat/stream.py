"""The stream of a chat, `/live/chat/<key>/`: new entries with their number as id, and who is there and typing as `state`.

A plain ASGI application like the live feed. One poller per process asks for the news of all open chats at once; an idle stream
holds no database connection. The widget reads it with fetch, so that the token travels in a header and in no address; it resumes
with Last-Event-ID.
"""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.live.application import (
    Application,
    OpenStream,
    Receive,
    Scope,
    Send,
    begin,
    in_thread,
    refuse,
    wait_for_disconnect,
)
from core.networks import network_of
from people.pages.addresses import address_behind
from tickets.channels.chat.limits import STREAMS_PER_ADDRESS, STREAMS_PER_CHAT
from tickets.channels.chat.origins import chat_inbox, cors_headers, may_ask, preflight_headers
from tickets.channels.chat.services.note_visitor import note_online
from tickets.channels.chat.tokens import session_of_token
from tickets.channels.chat.transcript import News, read_news
from tickets.models import ChatSession

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.4
ONLINE_SECONDS = 10.0
_PATH = re.compile(r"/live/chat/([\w-]{1,64})/")


@dataclass(eq=False)
class ChatStream(OpenStream):
    """A page that shows a chat; ``number`` is the last entry it was told, ``state`` what it was told last."""

    session_id: int
    address: str
    number: int
    state: dict[str, Any] = field(default_factory=dict)

    def tell(self, news: News) -> None:
        """Queue what is new to this page."""
        for number, entry in news.entries:
            if number > self.number:
                self.offer(_chunk("entry", entry, number))
                self.number = number
        if news.state != self.state:
            self.state = news.state
            self.offer(_chunk("state", news.state))


class ChatStreams:
    """ASGI middleware in front of the live feed."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner
        self.streams: set[ChatStream] = set()
        self._poller: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the streams of chats here and pass everything else on."""
        if scope["type"] == "lifespan":
            await self.inner(scope, self._hearing_the_end(receive), send)
            return
        path = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            await self.inner(scope, receive, send)
        else:
            await self._serve(path.group(1), scope, receive, send)

    def _hearing_the_end(self, receive: Receive) -> Receive:
        async def heard() -> Mapping[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                for stream in self.streams:
                    stream.offer(None)
                if self._poller is not None:
                    self._poller.cancel()
            return message

        return heard

    async def _serve(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get("origin", "")
        allowed = await in_thread(_is_allowed)(key, origin)
        if not allowed:
            # Readable everywhere when the inbox is gone, so that the widget stops asking.
            gone = allowed is None
            await refuse(send, 410 if gone else 403, {"Access-Control-Allow-Origin": "*"} if gone else None)
            return
        if scope["method"] == "OPTIONS":
            await refuse(send, 204, preflight_headers(origin))
            return
        cors = cors_headers(origin)
        if scope["method"] != "GET":
            await refuse(send, 405, cors)
            return
        session_id = await in_thread(_session_id)(key, headers.get("authorization", ""))
        if session_id is None:
            await refuse(send, 401, cors)
            return
        peer = (scope.get("client") or ("", 0))[0]
        address = network_of(address_behind(headers.get("x-forwarded-for", ""), peer))
        if self._is_full(session_id, address):
            await refuse(send, 429, {**cors, "Retry-After": "30"})
            return
        last = headers.get("last-event-id", "")
        number = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
        await self._stream(ChatStream(session_id, address, number), cors, receive, send)

    def _is_full(self, session_id: int, address: str) -> bool:
        chats = Counter(stream.session_id for stream in self.streams)
        addresses = Counter(stream.address for stream in self.streams)
        return chats[session_id] >= STREAMS_PER_CHAT or addresses[address] >= STREAMS_PER_ADDRESS

    async def _stream(
        self, stream: ChatStream, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        await begin(send, headers)
        disconnected = asyncio.create_task(wait_for_disconnect(receive))
        hello = {"type": "http.response.body", "body": _chunk("hello", {}), "more_body": True}
        try:
            await send(hello)
            self.streams.add(stream)
            self._ensure_poller()
            await in_thread(note_online)(session_ids=[stream.session_id])
            await stream.write(send, disconnected)
        except OSError:
            logger.debug("a visitor went away")
        finally:
            self.streams.discard(stream)
            disconnected.cancel()
        if not disconnected.done() or disconnected.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _ensure_poller(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        """Ask for the news of all open chats until nobody listens any more."""
        loop = asyncio.get_running_loop()
        noted = loop.time()
        while self.streams:
            streams = list(self.streams)
            after: dict[int, int] = {}
            for stream in streams:
                known = after.get(stream.session_id, stream.number)
                after[stream.session_id] = min(known, stream.number)
            try:
                news = await in_thread(read_news)(after)
                if loop.time() - noted > ONLINE_SECONDS:
                    noted = loop.time()
                    await in_thread(note_online)(session_ids=list(after))
            except Exception:
                logger.exception("chats could not be read; they are tried again")
                await asyncio.sleep(2)
                continue
            for stream in streams:
                found = news.get(stream.session_id)
                if found is None:
                    stream.offer(None)
                else:
                    stream.tell(found)
            await asyncio.sleep(POLL_SECONDS)


def _is_allowed(key: str, origin: str) -> bool | None:
    """Whether a page may listen; None when there is no such chat."""
    inbox = chat_inbox(key)
    return None if inbox is None else may_ask(inbox, origin)


def _session_id(key: str, authorization: str) -> int | None:
    inbox = chat_inbox(key)
    session: ChatSession | None = None if inbox is None else session_of_token(inbox, authorization)
    return None if session is None else session.pk


def _chunk(event: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
