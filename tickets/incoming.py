"""What channels hand over: a message of a customer with its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from customers.identities import Identity


@dataclass(frozen=True)
class IncomingFile:
    """A file of a message. ``name`` is for display only and never becomes part of a path."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""
    is_inline: bool = False


@dataclass(frozen=True)
class IncomingMessage:
    """What a channel hands over.

    ``external_id`` is the channel's own id of the message: the same id never becomes two messages. ``folds`` are the
    (start, end, kind) stretches of ``text`` that repeat older text. ``recipients`` is ``{"to": [...], "cc": [...]}``
    of ``{"name", "address"}``. ``is_automatic`` says that no person wrote it. ``sender_verified`` is False when the
    channel cannot tell that the sender takes part in the given ticket, ``address_proven`` when anybody could have typed the
    address: somebody new is then an unverified contact. ``aliases`` are ids by which answers may refer to it.
    ``facts`` is what else the channel tells of it, as JSON (``tickets.channels.email.mail_facts`` for mails).
    ``sender`` is whom the channel knows the writer as, a mail address when it is given as text.
    """

    channel: str
    sender: Identity | str
    text: str
    sender_name: str = ""
    subject: str = ""
    html: str = ""
    folds: Sequence[Sequence[Any]] = ()
    recipients: Mapping[str, Any] | None = None
    files: Sequence[IncomingFile] = ()
    external_id: str = ""
    aliases: Sequence[str] = ()
    occurred_at: datetime | None = None
    is_automatic: bool = False
    sender_verified: bool = True
    address_proven: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
