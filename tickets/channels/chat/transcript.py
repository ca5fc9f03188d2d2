"""What a visitor reads: the entries of a chat as the widget gets them, and how things are at the moment."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils import timezone

from core.formatting import initials
from people.models import User
from tickets.channels.chat.settings import ChatSettings
from tickets.file_scans import verdict_of
from tickets.models import Attachment, ChatEntry, ChatSession, Inbox, Message, Presence
from tickets.rich_text import without_marks

# A link to a file works for so long; a page that stays open longer reads the chat again.
FILE_LINK = timedelta(hours=24)
# A colleague who has shown no sign of writing for so long has stopped.
TYPING_LASTS = timedelta(seconds=12)
_SALT = "tickets.chat.file"


@dataclass(frozen=True)
class News:
    """What a stream tells: entries as (number, JSON), and the present state."""

    entries: list[tuple[int, dict[str, Any]]]
    state: dict[str, Any]


def public_name(author: User | None, inbox: Inbox) -> str:
    """Return how visitors know an agent."""
    name = "" if author is None else str(author).strip()
    shown = ChatSettings.of(inbox.config).agent_names
    if shown == "none" or not name:
        return inbox.from_name or inbox.name
    return name if shown == "full" else name.split("@")[0].split()[0]


def entries_after(session: ChatSession, number: int = 0) -> list[dict[str, Any]]:
    """Return the entries behind a number, in order. Three queries."""
    return [one for _number, one in _read_entries({session.pk: number})[session.pk]]


def state_of(session: ChatSession) -> dict[str, Any]:
    """Return how the chat is at the moment: whether it is open, who talks to the visitor, who is typing."""
    return _states([session])[session.pk]


def read_news(after: Mapping[int, int]) -> dict[int, News]:
    """Return the news of chats by id, given the number of the last entry that is known. A chat that is gone is left out.

    Three queries, three more when there are new entries.
    """
    sessions = list(ChatSession.objects.filter(pk__in=after).select_related("agent", "inbox"))
    behind = {one.pk: after[one.pk] for one in sessions if one.last_number > after[one.pk]}
    entries = _read_entries(behind) if behind else {}
    states = _states(sessions)
    return {one.pk: News(entries.get(one.pk, []), states[one.pk]) for one in sessions}


def file_link(session_id: int, attachment_id: int) -> str:
    """Return the address of a file, signed for this chat and for a time."""
    token = _signer().sign(f"{session_id}.{attachment_id}")
    return str(settings.SITE_URL).rstrip("/") + reverse("chat-file", args=[token])


def file_of_link(token: str) -> Attachment | None:
    """Return the file behind a signed address; None for one that is none, is too old, or whose chat is gone."""
    try:
        session_id, _dot, attachment_id = _signer().unsign(token, max_age=FILE_LINK).partition(".")
    except BadSignature:
        return None
    shown = ChatEntry.objects.filter(session=int(session_id), message__attachments=int(attachment_id))
    return Attachment.objects.filter(pk=int(attachment_id)).first() if shown.exists() else None


def _states(sessions: Collection[ChatSession]) -> dict[int, dict[str, Any]]:
    """The state of each, with two queries for who is typing, none when no chat has a ticket."""
    typing = _typing({one.ticket_id for one in sessions if one.ticket_id is not None})
    states = {}
    for one in sessions:
        writer = typing.get(one.ticket_id or 0)
        states[one.pk] = {
            "open": one.state == ChatSession.State.OPEN,
            "agent": "" if one.agent is None else public_name(one.agent, one.inbox),
            "typing": "" if writer is None else public_name(writer, one.inbox),
        }
    return states


def _typing(ticket_ids: Collection[int]) -> dict[int, User]:
    """Who is writing on these tickets, or has written an answer that can still be taken back."""
    if not ticket_ids:
        return {}
    now = timezone.now()
    waiting = Message.objects.filter(
        ticket__in=ticket_ids,
        kind=Message.Kind.OUTBOUND,
        channel="chat",
        delivery=Message.Delivery.QUEUED,
        leaves_at__gt=now - TYPING_LASTS,
    )
    found = {one.ticket_id: one.author for one in waiting.select_related("author") if one.author is not None}
    signs = Presence.objects.filter(
        ticket__in=ticket_ids, state=Presence.State.REPLYING, seen_at__gt=now - TYPING_LASTS
    )
    return found | {sign.ticket_id: sign.user for sign in signs.select_related("user").order_by("seen_at")}


def _read_entries(after: Mapping[int, int]) -> dict[int, list[tuple[int, dict[str, Any]]]]:
    wanted = Q(pk__in=[])
    for session_id, number in after.items():
        wanted |= Q(session=session_id, number__gt=number)
    files = Prefetch("message__attachments", Attachment.objects.with_verdict().order_by("pk"))
    rows = ChatEntry.objects.filter(wanted).select_related("message").prefetch_related(files)
    found: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for row in rows.order_by("session", "number"):
        found[row.session_id].append((row.number, _as_json(row)))
    return found


def _as_json(entry: ChatEntry) -> dict[str, Any]:
    known: dict[str, Any] = {
        "n": entry.number,
        "kind": entry.kind,
        "id": entry.key,
        "at": entry.created_at.isoformat(),
        "name": entry.name,
        "initials": initials(entry.name) if entry.name else "",
    }
    if entry.message is not None:
        known["text"] = _words(entry.message)
        known["files"] = list(_files(entry, entry.message.attachments.all()))
    return known


def _words(message: Message) -> str:
    return message.body_text if message.kind == Message.Kind.INBOUND else without_marks(message.body_text)


def _files(entry: ChatEntry, attachments: Iterable[Attachment]) -> Iterable[dict[str, Any]]:
    for one in attachments:
        held = verdict_of(one).hold()
        yield {
            "name": one.name,
            "size": one.size,
            "url": "" if held else file_link(entry.session_id, one.pk),
            "held": held,
        }


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=_SALT, sep=".")
