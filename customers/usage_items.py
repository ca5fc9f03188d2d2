"""What one item of product usage says: its form is checked here, before anything is looked up.

Pure functions of the item and the clock, so that every item gets the same verdict however often and in whatever company it comes.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.utils.dateparse import parse_datetime

from customers.domains import normalise_address

MAX_ITEM_BYTES = 32 * 1024
MAX_TEXT = 120
FUTURE = timedelta(minutes=10)
# Days are rolled up from raw events, and those are kept for 90 days: an older event would wipe the day's other events out.
OLDEST = timedelta(days=89)
KINDS = ("track", "identify", "group", "alias")
# Why an item is rejected. ``unknown_account`` and ``unknown_person`` may pass later.
REASONS = (
    "not_an_object", "bad_message_id", "unknown_type", "bad_text", "too_large", "no_event", "no_identity",
    "bad_properties", "bad_timestamp", "too_old", "unknown_account", "unknown_person", "not_mergeable",
)  # fmt: skip
# NUL as JSON writes it: PostgreSQL stores it neither as text nor as JSON.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_NOTHING: dict[str, Any] = {}


class Verdict(NamedTuple):
    """What became of one item: ``accepted``, ``duplicate`` or ``rejected`` with a machine-readable ``reason``."""

    message_id: str
    status: str
    reason: str = ""


@dataclass(slots=True)
class Item:
    """One item read but not yet placed. ``payload`` is JSON text; ``previous`` is the other name that an alias ties."""

    message_id: str
    kind: str
    name: str
    user_key: str
    email: str
    group: str
    occurred_at: datetime
    payload: str
    person: str = ""
    previous: str = ""
    traits: dict[str, Any] | None = None
    account_id: int | None = None
    contact_id: int | None = None


def read_item(item: Any, now: datetime, skew: timedelta, oldest: datetime | None = None) -> Item | Verdict:
    """Check one item's form; returns it or its rejection.

    ``now`` is when it was received and ``skew`` what its sender's clock is behind; ``oldest`` the earliest moment that is
    still taken, OLDEST before ``now`` when absent. A moment more than FUTURE ahead becomes ``now``.
    """
    if not isinstance(item, dict):
        return Verdict("", "rejected", "not_an_object")
    message_id = item.get("messageId")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_TEXT:
        return Verdict(_writable(str(message_id or ""))[:MAX_TEXT], "rejected", "bad_message_id")
    reason = _fault(item)
    if reason:
        return Verdict(_writable(message_id), "rejected", reason)
    occurred_at = _occurred_at(item.get("timestamp"), now, skew)
    if occurred_at is None:
        return Verdict(message_id, "rejected", "bad_timestamp")
    if occurred_at < (oldest or now - OLDEST):
        return Verdict(message_id, "rejected", "too_old")
    return _item(item, message_id, occurred_at)


def _item(item: dict[str, Any], message_id: str, occurred_at: datetime) -> Item:
    """Take what is used out of an item whose form is right."""
    kind = item["type"]
    properties = item.get("traits") or item.get("properties") or _NOTHING
    context = item.get("context")
    if not isinstance(context, dict):
        context = _NOTHING
    user_key = str(item.get("userId") or item.get("anonymousId") or "")[:MAX_TEXT]
    email = str(properties.get("email") or "")
    if not email and context:
        traits = context.get("traits")
        email = str(traits.get("email") or "") if isinstance(traits, dict) else ""
    if not email and "@" in user_key:
        email = user_key
    return Item(
        message_id=message_id,
        kind=kind,
        name=str(item.get("event") or "").strip()[:MAX_TEXT],
        user_key=user_key,
        email=normalise_address(email)[:254] if email else "",
        group=str(item.get("groupId") or context.get("groupId") or "")[:MAX_TEXT],
        occurred_at=occurred_at,
        payload=f'{{"properties":{_encode(properties)}}}' if properties else "{}",
        person=str(properties.get("name") or "")[:160] if kind == "identify" else "",
        previous=str(item.get("previousId") or "")[:MAX_TEXT] if kind == "alias" else "",
        traits=properties if kind in ("identify", "group") else None,
    )


def _fault(item: dict[str, Any]) -> str:
    """Name what is wrong with an item's fields; empty when nothing is."""
    kind = item.get("type")
    if kind not in KINDS:
        return "unknown_type"
    if reason := _text_fault(item):
        return reason
    if kind == "track" and not str(item.get("event") or "").strip():
        return "no_event"
    if not (item.get("userId") or item.get("anonymousId") or item.get("groupId")):
        return "no_identity"
    if kind == "alias" and not (item.get("previousId") and item.get("userId")):
        return "no_identity"
    for name in ("properties", "traits"):
        if item.get(name) and not isinstance(item[name], dict):
            return "bad_properties"
    return ""


def _text_fault(item: dict[str, Any]) -> str:
    """Name what is wrong with an item as a text; empty when nothing is."""
    try:
        text = _encode(item)
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return "bad_text"
    except (ValueError, RecursionError):  # 1e999 is read as infinity; lists in lists in lists
        return "bad_properties"
    if "\\u0000" in text and _NUL.search(text):
        return "bad_text"
    return "too_large" if size > MAX_ITEM_BYTES else ""


def as_text(item: Any) -> str:
    """Return an item as JSON of ASCII letters, which every column holds; empty for one that is nested too deeply."""
    try:
        return json.dumps(item, separators=(",", ":"))
    except RecursionError:
        return ""


def _writable(text: str) -> str:
    """Replace what is no Unicode text (a lone surrogate, which JSON can spell) by question marks, and NUL by nothing."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _occurred_at(value: Any, now: datetime, skew: timedelta) -> datetime | None:
    """Return the moment by the receiver's clock, in UTC; a naive timestamp is UTC, a missing one is now; None for nonsense."""
    if value in (None, ""):
        return now
    if not isinstance(value, str):
        return None
    try:
        moment = parse_datetime(value)
    except ValueError:
        return None
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        corrected = (moment + skew if skew else moment).astimezone(UTC)
    except OverflowError:
        return None
    return now if corrected > now + FUTURE else corrected
