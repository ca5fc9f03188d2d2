"""A receiver of webhooks on this machine, endpoints, and the sending of what is due."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone

from core.models import Outbound
from core.outbox import send_due
from integrations.models import WebhookEndpoint
from integrations.services.save_webhook import save_webhook, secret_of
from people.models import User
from tests.tickets.conftest import category, lawyer, minds, private_team, ticket, write

__all__ = ["category", "lawyer", "minds", "private_team", "ticket", "write"]


@dataclass(frozen=True)
class Got:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The ``webhook-id``."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def fits(self, secret: str) -> bool:
        """Whether one of the signatures is that of the secret, computed as a receiver does it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """A server that answers ``statuses`` one after the other, the last for ever."""

    port: int
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"thank you"
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook/secret-word?token=secret-word"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver on this machine that may be called."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    found = Receiver(server.server_port)
    server.receiver = found  # type: ignore[attr-defined]
    settings.GUARDED_HTTP_ALLOW = [f"127.0.0.1:{found.port}"]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keep it and answer."""
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        receiver.got.append(Got({name.lower(): value for name, value in self.headers.items()}, body))
        status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(receiver.answer)))
        self.end_headers()
        self.wfile.write(receiver.answer)

    def log_message(self, *_arguments: Any) -> None:
        """Be quiet."""


@pytest.fixture
def add(admin: User, receiver: Receiver) -> Callable[..., WebhookEndpoint]:
    """Add an endpoint of the administrator: ``add(patterns=["*"])``."""

    def make(**values: Any) -> WebhookEndpoint:
        wanted = {
            "name": "Warehouse",
            "url": receiver.url,
            "patterns": ["tickets.*"],
            "scopes": ["tickets:read"],
        }
        return save_webhook(by=values.pop("by", admin.as_viewer()), **(wanted | values))

    return make


@pytest.fixture
def endpoint(add: Callable[..., WebhookEndpoint]) -> WebhookEndpoint:
    """An endpoint that is told of tickets."""
    return add()


@pytest.fixture
def secret(endpoint: WebhookEndpoint) -> str:
    """Its secret."""
    return secret_of(endpoint)


@pytest.fixture
def deliver(pump: Callable[[], int], minds: Any) -> Callable[[], int]:
    """Return a function that hands events to their subscribers and sends the webhooks that are due; returns how many."""

    def run() -> int:
        pump()
        Outbound.objects.exclude(kind="integrations.webhook").delete()
        return send_due()

    return run


@pytest.fixture
def later(db: None) -> Callable[[timedelta], None]:
    """Return a function that lets time pass for what waits and for endpoints."""

    def pass_by(time: timedelta) -> None:
        for row in Outbound.objects.filter(state="pending"):
            row.not_before -= time
            row.save()
        for one in WebhookEndpoint.objects.all():
            for name in ("paused_until", "failing_since", "previous_valid_until"):
                if (moment := getattr(one, name)) is not None:
                    setattr(one, name, moment - time)
            one.save()
        assert timezone.now()

    return pass_by
