"""The neutral form: what every importer makes of its source, and what the writers read. Plain JSON.

Texts are as the source has them, moments ISO 8601 with a zone, ids those of the source. What the source does not say is left
out. A record that cannot be understood raises ``Unreadable`` with a sentence for people.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from tickets.message_text import storable

# In the order in which they are written: later ones refer to earlier ones.
KINDS = ("account", "staff", "contact", "ticket", "message", "mail")
LONGEST_ID = 160
LONGEST_BODY = 2_000_000


class Unreadable(Exception):
    """The record says something that cannot be taken; the message is for people."""


class PersonName(TypedDict, total=False):
    """Who somebody is: the id over there, an address, a name; any of them may be missing."""

    id: str
    email: str
    name: str


class AccountData(TypedDict, total=False):
    """A company. ``values`` are further columns of ours (tier, arr, …), checked when they are written."""

    name: str
    domains: list[str]
    created_at: str
    values: dict[str, Any]


class StaffData(TypedDict, total=False):
    """A colleague."""

    name: str
    email: str


class ContactData(TypedDict, total=False):
    """A person at a customer. ``account`` is the id of the company over there, ``account_name`` its name or domain."""

    name: str
    emails: list[str]
    phones: list[str]
    account: str
    account_name: str
    title: str
    role: str
    language: str
    timezone: str
    created_at: str


class FileData(TypedDict, total=False):
    """A file: stored already (``sha256``, ``key``, ``size``), or ``missing`` with the reason."""

    name: str
    content_type: str
    content_id: str
    inline: bool
    sha256: str
    key: str
    size: int
    missing: str


class MessageData(TypedDict, total=False):
    """One message. ``kind`` is inbound, outbound or note; ``said`` (public) leaves the direction to who wrote it. A ``fallback``
    is left out when the ticket has other messages."""

    kind: str
    author: PersonName
    subject: str
    text: str
    html: str
    at: str
    files: list[FileData]
    recipients: dict[str, Any]
    message_id: str
    fallback: bool


class TicketData(TypedDict, total=False):
    """A ticket with the words of the source for status, priority, type and group, which the mapping translates."""

    number: int
    subject: str
    status: str
    priority: str
    type: str
    group: str
    requester: PersonName
    account: str
    account_name: str
    assignee: PersonName
    tags: list[str]
    fields: dict[str, Any]
    cc: list[str]
    created_at: str
    updated_at: str
    solved_at: str
    closed_at: str
    messages: list[MessageData]


@dataclass(frozen=True)
class Record:
    """One record on its way into a row: of ``kind``, with its id over there, or with the ``error`` that made it unreadable."""

    kind: str
    external_id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    line: int = 0
    error: str = ""


def text_of(value: object, limit: int = 300) -> str:
    """Return a value as text that databases store, cut to ``limit``; empty for what is no text or number."""
    if value is None or isinstance(value, dict | list | bool):
        return ""
    return storable(str(value)).strip()[:limit]


def id_of(value: object) -> str:
    """Return an id over there as text; empty for none. Raises Unreadable for one that is too long."""
    found = text_of(value, LONGEST_ID + 1)
    if len(found) > LONGEST_ID:
        raise Unreadable(_("The id is longer than %d characters.") % LONGEST_ID)
    return found


def body_of(value: object) -> str:
    """Return a long text that databases store."""
    return storable(value)[:LONGEST_BODY] if isinstance(value, str) else ""


def texts_of(value: object) -> list[str]:
    """Return a list of texts (tags, addresses); empty for what is no list."""
    return [found for one in value if (found := text_of(one))] if isinstance(value, list) else []


def moment_of(value: object) -> str:
    """Return a moment in ISO 8601 with its zone, UTC where none is said; empty for none.

    Takes ISO 8601 with a space or a T, a date alone, and Unix seconds. Raises Unreadable for what is no moment.
    """
    if value in (None, ""):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC).isoformat()
        except (OverflowError, OSError, ValueError) as error:
            raise Unreadable(_("“%s” is no moment.") % str(value)[:40]) from error
    text = str(value).strip()
    try:
        found = parse_datetime(text.removesuffix(" UTC").replace(" +", "+"))
        day = None if found else parse_date(text)
    except ValueError as error:
        raise Unreadable(_("“%s” is no moment.") % text[:40]) from error
    if day is not None:
        found = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if found is None:
        raise Unreadable(_("“%s” is no moment.") % text[:40])
    if not 1970 <= found.year <= 2200:
        raise Unreadable(_("The year of “%s” cannot be right.") % text[:40])
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def digest_of(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record, whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
