"""What a channel is: what it can do, its settings, how what a provider sends is read, how an answer leaves.

One folder per channel, ``<app>/channels/<name>/`` with the class in ``adapter.py`` (or one module, for the smallest). An inbox is
a channel configured. Where a provider calls us, its request is verified, kept raw as a ``ChannelPayload``, acknowledged, and read
by a task; what leaves goes through the outbox.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise

from core.registry import Part
from customers.identities import Identity
from tickets.incoming import IncomingFile
from tickets.models import ChannelThread, Inbox

Label = str | Promise


class RefusedCall(Exception):
    """The call does not come from the provider (signature, token, age); nothing of it is kept."""


class Unreadable(Exception):
    """The payload makes no sense; the text says why. It stays, and a person may have it read again."""


@dataclass(frozen=True)
class Capabilities:
    """What a channel can carry.

    ``longest_text`` is in characters, ``largest_file`` in bytes, both None without a limit. Outside ``reply_window`` after
    the customer's last message only a template may be sent. ``states`` are the deliveries that the provider tells of.
    ``threading`` says in words what makes messages one ticket. ``starts``: whether we may write first.
    """

    longest_text: int | None = None
    files: bool = True
    largest_file: int | None = None
    copies: bool = False
    formatting: bool = False
    reply_window: timedelta | None = None
    templates: bool = False
    states: frozenset[str] = frozenset()
    threading: Label = ""
    starts: bool = False


@dataclass(frozen=True)
class Connection:
    """An inbox as its channel sees it: settings, secrets opened, the address that the provider calls."""

    inbox_id: int
    name: str
    config: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    hook_url: str = ""


@dataclass(frozen=True)
class HookRequest:
    """A call of a provider. ``headers`` have names in lower case; ``url`` is the whole public address that was called, empty in
    a payload that was kept."""

    method: str = "POST"
    url: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""
    # When it came in: of news without a time of their own.
    received_at: datetime | None = None


@dataclass(frozen=True)
class HookAnswer:
    """What a provider is answered."""

    body: str = ""
    content_type: str = "text/plain"
    status: int = 200


@dataclass(frozen=True)
class Trial:
    """What a test of the connection found, in words for people."""

    works: bool
    words: str


@dataclass(frozen=True)
class RemoteFile:
    """A file that the provider keeps; ``reference`` is what ``fetch_file`` needs."""

    reference: str
    name: str
    content_type: str = "application/octet-stream"
    size: int | None = None


@dataclass(frozen=True)
class MessageArrival:
    """A customer wrote. Messages with the same ``thread_key`` go on in the same ticket, as long as that is not over.

    ``message_id`` is the provider's, unique in the inbox. ``thread_data`` is what sending into this thread needs besides the key.
    ``colleague_email`` is a mail address that the provider vouches for: when it is that of an active user, the message is no
    customer's but that colleague's answer, written at the provider. ``received_at`` is when the provider told of it, where it
    matters that this can be long after ``occurred_at``.
    """

    thread_key: str
    message_id: str
    sender: Identity
    text: str
    occurred_at: datetime
    sender_name: str = ""
    subject: str = ""
    files: Sequence[RemoteFile | IncomingFile] = ()
    thread_data: Mapping[str, Any] = field(default_factory=dict)
    is_automatic: bool = False
    colleague_email: str = ""
    received_at: datetime | None = None


@dataclass(frozen=True)
class EditArrival:
    """A customer changed what it had written."""

    message_id: str
    text: str
    occurred_at: datetime


@dataclass(frozen=True)
class DeletionArrival:
    """A customer took a message back; what was written stays, marked."""

    message_id: str
    occurred_at: datetime


@dataclass(frozen=True)
class DeliveryArrival:
    """What became of an answer: ``state`` is sent, delivered, read or failed.

    ``key`` is the answer's own (``OutgoingMessage.key``) where the provider repeats it: by it an answer is known whose acceptance
    was lost.
    """

    message_id: str
    state: str
    occurred_at: datetime
    detail: str = ""
    key: str = ""


@dataclass(frozen=True)
class ReadingArrival:
    """How far the customer has come in a thread: whatever we sent until ``until`` is in ``state`` (delivered or read)."""

    thread_key: str
    state: str
    until: datetime


@dataclass(frozen=True)
class NothingToDo:
    """What leads to nothing here; the words say what it was, for who looks at the payload."""

    words: str


@dataclass(frozen=True)
class NotUnderstood:
    """One piece of a payload that makes no sense; the words say why. The rest of the payload counts."""

    words: str


@dataclass(frozen=True)
class ConsentArrival:
    """Somebody wrote nothing but a word by which one stops messages, or has them again.

    ``status`` is granted or withdrawn. It opens no ticket; where one is open, it shows the word.
    """

    thread_key: str
    message_id: str
    sender: Identity
    status: str
    text: str
    occurred_at: datetime


@dataclass(frozen=True)
class CallArrival:
    """News of a call. ``direction`` is inbound or outbound; ``number`` the customer's, empty when withheld; ``line`` ours.

    ``state`` is ringing, answered, missed, voicemail or ended; empty for what comes afterwards (a recording, a transcript).
    ``agents`` are the lines (numbers, extensions, mail addresses) of colleagues that ring, or of the one who has answered.
    """

    call_id: str
    state: str
    occurred_at: datetime
    direction: str = ""
    number: str = ""
    line: str = ""
    caller_name: str = ""
    agents: Sequence[str] = ()
    duration_seconds: int | None = None
    recording: RemoteFile | IncomingFile | None = None
    transcript: str = ""


@dataclass(frozen=True)
class MailArrival:
    """A whole mail, raw: it goes into the mail ledger and is read from there."""

    raw: bytes
    occurred_at: datetime


Arrival = (
    MessageArrival
    | EditArrival
    | DeletionArrival
    | DeliveryArrival
    | ReadingArrival
    | ConsentArrival
    | CallArrival
    | NothingToDo
    | NotUnderstood
    | MailArrival
)


@dataclass(frozen=True)
class Template:
    """Words that a provider has approved, with places for values: "Hello {{1}}". ``state`` is the provider's word for it;
    ``is_approved`` says that it can be sent with values for its body alone."""

    name: str
    language: str
    body: str
    category: str = ""
    state: str = ""
    is_approved: bool = True


@dataclass(frozen=True)
class OutgoingMessage:
    """An answer on its way: the thread it goes into, its text without marks, its files as (name, content type, content).

    ``key`` names the answer, for providers that recognise a repetition. ``template`` is (name, language, values) when it is
    one that the provider has approved.
    """

    key: str
    thread_key: str
    thread_data: Mapping[str, Any]
    text: str
    author: str = ""
    files: Sequence[tuple[str, str, bytes]] = ()
    template: tuple[str, str, Sequence[str]] | None = None

    def one_file_each(self, *, longest_caption: int = 0) -> "list[OutgoingMessage]":
        """Return this as messages with one file at most. The text goes with the first file where it fits below it, else it
        comes first, alone."""
        if not self.files:
            return [self]
        fits = len(self.text) <= longest_caption
        alone = [replace(self, files=())] if self.text and not fits else []
        texts = [self.text if fits and number == 0 else "" for number in range(len(self.files))]
        return alone + [
            replace(self, text=text, files=[file]) for text, file in zip(texts, self.files, strict=True)
        ]


class Channel(Part):
    """A way in which customers and we talk.

    ``settings`` is the form of what an inbox of this channel needs; those of its fields that ``secrets`` names are sealed and
    never shown again. A channel without ``settings`` cannot be made an inbox (calls, notes of API clients). ``is_hooked`` says
    that the provider calls us. ``documented_at`` is where the provider describes its interface.
    """

    label: ClassVar[Label] = ""
    icon: ClassVar[str] = "message-circle"
    order: ClassVar[int] = 100
    lead: ClassVar[Label] = ""
    capabilities: ClassVar[Capabilities] = Capabilities()
    settings: ClassVar[type[forms.Form] | None] = None
    secrets: ClassVar[tuple[str, ...]] = ()
    is_hooked: ClassVar[bool] = False
    # The largest call of a provider that is taken, in bytes.
    largest_call: ClassVar[int] = 1_000_000
    # Whether answers leave through this channel; else by e-mail.
    answers: ClassVar[bool] = False
    sender_kind: ClassVar[str] = "tickets.channel_answer"
    # The channel of the consent ledger in which a customer can stop answers; empty where nobody can.
    consent_channel: ClassVar[str] = ""
    # Whether the channel tells of its own silence (mailboxes do).
    watches_itself: ClassVar[bool] = False
    documented_at: ClassVar[str] = ""
    guide: ClassVar[Label] = ""
    # A template that the page of an inbox shows at its top, with ``inbox``, ``connection`` and what ``card`` returns as ``card``:
    # an address, a snippet to copy.
    card_template: ClassVar[str] = ""

    def has_hook(self, config: Mapping[str, Any]) -> bool:
        """Return whether the provider of an inbox with these settings calls us."""
        return self.is_hooked

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return the settings as they are stored; raises ValidationError naming the field. Asks nobody."""
        return config

    def card(self, inbox: Inbox) -> Mapping[str, Any]:
        """Return what ``card_template`` shows as ``card``."""
        return {}

    def try_connection(self, connection: Connection) -> Trial:
        """Ask the provider whether these settings work; takes 15 seconds at most and never raises for a provider's answer."""
        raise NotImplementedError

    def connect_hook(self, connection: Connection) -> Trial:
        """Have the provider call our address; the "Connect webhook" button. Like ``try_connection``; twice does no harm."""
        raise NotImplementedError

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Raise RefusedCall unless the call comes from the provider. Costs no query and asks nobody."""
        raise NotImplementedError

    def greet(self, connection: Connection, request: HookRequest) -> HookAnswer | None:
        """Return the answer to a handshake, None for a payload to keep. Called after ``verify``."""
        return None

    def acknowledgement(self, connection: Connection, request: HookRequest) -> HookAnswer:
        """Return what the provider is told once its payload is kept."""
        return HookAnswer()

    def delivery_id(self, request: HookRequest) -> str:
        """Return the provider's own id of this call, so that a repetition is one payload; empty: its content names it."""
        return ""

    def is_private(self, thread: ChannelThread) -> bool:
        """Return whether nobody but its contact, proven by the channel, reads a thread. Only then do answers of the contact's
        other tickets go into it. Costs no query."""
        return True

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Return what a payload tells, in its order; nothing for what does not matter. Raises Unreadable. Asks nobody."""
        raise NotImplementedError

    def complete(self, connection: Connection, arrival: Arrival) -> Arrival | None:
        """Ask the provider for what the payload does not tell, such as who wrote; None for what is to be left alone.

        Outside any transaction. Raises TemporaryFailure to have the payload read again later.
        """
        return arrival

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Fetch a file from the provider; raises TemporaryFailure or PermanentFailure of ``core.outbox``."""
        raise NotImplementedError

    def fetch_templates(self, connection: Connection) -> Sequence[Template]:
        """Ask the provider for its templates; raises TemporaryFailure or PermanentFailure."""
        raise NotImplementedError

    def split(self, message: OutgoingMessage) -> Sequence[OutgoingMessage]:
        """Return an answer as the messages that the provider takes, one call of ``send`` each; always the same for the same
        answer, since after a failure it goes on where it stopped."""
        return [message]

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Send one message and return the provider's id of it. Raises TemporaryFailure when it did not leave, PermanentFailure
        when it never will, FateUnknown when nobody can tell."""
        raise NotImplementedError
