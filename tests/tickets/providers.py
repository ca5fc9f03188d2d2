"""A provider's API on this machine: it answers what a test says and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came in; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        """The body as a form."""
        return parse_qs(self.body.decode(), keep_blank_values=True)

    @property
    def parts(self) -> dict[str, Any]:
        """The fields of a multipart body; of a file its name, type and content."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        found: dict[str, Any] = {}
        for part in message_from_bytes(head + self.body, policy=default).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            file = part.get_filename()
            found[name] = content.decode() if file is None else (file, part.get_content_type(), content)
        return found

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered; a dict as JSON. Status 0: nothing, the line is cut once the request is in."""

    body: bytes | dict[str, Any] = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FakeProvider:
    """``replies`` by path: what comes next, the last one for ever. Unknown paths are 404."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[Asked] = []
        self.replies: dict[str, list[Reply]] = {}

    def on(self, path: str, *replies: Reply) -> None:
        """Answer a path so."""
        self.replies[path] = list(replies)

    def answer(self, asked: Asked) -> Reply:
        """Keep the request and return what it is answered."""
        self.asked.append(asked)
        known = self.replies.get(asked.path)
        if not known:
            return Reply({"error": "no such path"}, 404)
        return known.pop(0) if len(known) > 1 else known[0]


@contextmanager
def running_provider(settings: Any, *keys: str) -> Iterator[FakeProvider]:
    """Run one on a port of the loopback that may be called meanwhile; it stands in for the providers of ``keys``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = FakeProvider(server.server_port)
    server.provider = provider  # type: ignore[attr-defined]
    settings.GUARDED_HTTP_ALLOW = [
        *getattr(settings, "GUARDED_HTTP_ALLOW", []), f"127.0.0.1:{server.server_port}",
    ]  # fmt: skip
    settings.PROVIDER_URLS = settings.PROVIDER_URLS | dict.fromkeys(keys, provider.url)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    """Passes requests to the provider."""

    def do_GET(self) -> None:
        """Asked for something."""
        self._take()

    def do_DELETE(self) -> None:
        """Told to forget something."""
        self._take()

    def do_POST(self) -> None:
        """Told something."""
        self._take()

    def _take(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        provider: FakeProvider = self.server.provider  # type: ignore[attr-defined]
        reply = provider.answer(Asked(self.command, parts.path, parts.query, headers, body))
        if not reply.status:
            self.close_connection = True
            return
        content = json.dumps(reply.body).encode() if isinstance(reply.body, dict) else reply.body
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Be quiet."""
