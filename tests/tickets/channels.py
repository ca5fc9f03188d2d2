"""A channel of the tests' own: a network with signed calls, files, deliveries and a provider that can be down."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django import forms

from core.outbox import PermanentFailure, TemporaryFailure
from customers.identities import Identity
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    DeletionArrival,
    DeliveryArrival,
    EditArrival,
    HookRequest,
    MessageArrival,
    OutgoingMessage,
    RefusedCall,
    RemoteFile,
    Trial,
    Unreadable,
)
from tickets.incoming import IncomingFile
from tickets.outbound.channel_answer import CredentialsRefused


class PigeonForm(forms.Form):
    """What a loft needs."""

    loft = forms.CharField(label="Loft", max_length=40)
    ring = forms.CharField(label="Ring", max_length=40)


class Pigeon(Channel):
    """Messages by pigeon. ``sent`` is what has left, ``trouble`` what the next calls end with."""

    key = "pigeon"
    label = "Pigeon"
    icon = "send"
    lead = "Slow, but it arrives."
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=200,
        largest_file=1_000,
        reply_window=timedelta(hours=24),
        templates=True,
        states=frozenset({"delivered", "read", "failed"}),
        threading="One perch is one ticket.",
    )
    settings = PigeonForm
    secrets = ("ring",)
    is_hooked = True
    answers = True

    def __init__(self) -> None:
        self.sent: list[OutgoingMessage] = []
        self.trouble: list[Exception] = []

    def clean_settings(self, config: dict[str, Any], secrets: Any) -> dict[str, Any]:
        """Refuse a loft that does not exist."""
        if config["loft"] == "nowhere":
            raise forms.ValidationError({"loft": "There is no such loft."})
        return config

    def try_connection(self, connection: Connection) -> Trial:
        """The right ring works."""
        works = connection.secrets.get("ring") == "gold"
        return Trial(works, f"Loft {connection.config['loft']}" if works else "The ring is refused.")

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """The ring is the signature."""
        if request.headers.get("x-ring") != connection.secrets.get("ring"):
            raise RefusedCall("wrong ring")

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """A list of news."""
        try:
            return [_arrival(one) for one in json.loads(payload.body)]
        except ValueError as error:
            raise Unreadable(f"no JSON: {error}") from error

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Every file is there but one."""
        if file.reference == "gone":
            raise PermanentFailure("it was eaten")
        if file.reference == "later":
            raise TemporaryFailure("not yet")
        return IncomingFile(file.name, b"feather", file.content_type)

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Let one fly."""
        if self.trouble:
            raise self.trouble.pop(0)
        self.sent.append(message)
        return f"flight-{len(self.sent)}"


def refusal() -> Exception:
    """What a provider's no to our credentials raises."""
    return CredentialsRefused("the ring is not known")


def moment(minutes: float = 0) -> datetime:
    """A time on the day of the tests."""
    return datetime(2026, 3, 2, 10, 0, tzinfo=UTC) + timedelta(minutes=minutes)


def _arrival(news: dict[str, Any]) -> Arrival:
    at = moment(news["at"])
    if news["what"] == "message":
        return MessageArrival(
            thread_key=news["perch"],
            message_id=news["id"],
            sender=Identity("handle", f"pigeon:{news['perch']}"),
            sender_name=news.get("name", ""),
            text=news["text"],
            occurred_at=at,
            files=[RemoteFile(one, f"{one}.txt", "text/plain") for one in news.get("files", ())],
        )
    if news["what"] == "edit":
        return EditArrival(news["id"], news["text"], at)
    if news["what"] == "deletion":
        return DeletionArrival(news["id"], at)
    return DeliveryArrival(news["id"], news["state"], at, news.get("detail", ""))
