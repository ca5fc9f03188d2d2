"""What batches of WhatsApp tell (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from customers.identities import Identity
from customers.phone_numbers import e164
from tickets.channel import (
    Arrival,
    DeliveryArrival,
    MessageArrival,
    NothingToDo,
    NotUnderstood,
    RemoteFile,
    Unreadable,
)
from tickets.channels.meta.graph_api import error_words

_STATES = frozenset({"sent", "delivered", "read", "failed"})
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError)
# Kind of a message with a file → (name where the sender gave none, content type where Meta gives none).
_FILES = {
    "image": ("photo.jpg", "image/jpeg"),
    "video": ("video.mp4", "video/mp4"),
    "audio": ("voice.ogg", "audio/ogg"),
    "document": ("document", "application/octet-stream"),
    "sticker": ("sticker.webp", "image/webp"),
}


def arrivals_of(entry: Mapping[str, Any], own: str) -> Iterator[Arrival]:
    """Yield what an entry tells about the number ``own``. Raises Unreadable."""
    try:
        for change in entry.get("changes", ()):
            if change.get("field") != "messages":
                yield NothingToDo(_("about %s") % change.get("field"))
                continue
            value = change["value"]
            if str(value["metadata"]["phone_number_id"]) != own:
                yield NothingToDo(_("about another number"))
                continue
            names = {
                str(one.get("wa_id")): str(one.get("profile", {}).get("name", ""))
                for one in value.get("contacts", ())
            }
            for message in value.get("messages", ()):
                yield _understood(lambda one: _message(one, names), message)  # noqa: B023 - called at once
            for status in value.get("statuses", ()):
                yield _understood(_status, status)
    except _ODD as error:
        raise Unreadable(_("A field of the message is missing or makes no sense: %s") % error) from error


def _understood(read: Callable[[Mapping[str, Any]], Arrival], told: Mapping[str, Any]) -> Arrival:
    """What one piece of a batch tells; an odd one does not keep back the others."""
    try:
        return read(told)
    except _ODD as error:
        return NotUnderstood(_("A field of the message is missing or makes no sense: %s") % error)


def _message(message: Mapping[str, Any], names: Mapping[str, str]) -> Arrival:
    number, kind = str(message["from"]), str(message["type"])
    if kind == "reaction":
        return NothingToDo(_("a reaction: %s") % (message["reaction"].get("emoji") or _("taken back")))
    if kind == "system":
        return NothingToDo(str(message["system"].get("body", "")) or _("a note of WhatsApp"))
    phone = e164(f"+{number}")
    return MessageArrival(
        thread_key=number,
        message_id=str(message["id"]),
        sender=Identity("phone", phone) if phone else Identity("handle", f"whatsapp:{number}"),
        sender_name=names.get(number, ""),
        text=_text(message, kind),
        files=_files(message, kind),
        occurred_at=_moment(message["timestamp"]),
    )


def _text(message: Mapping[str, Any], kind: str) -> str:
    told = message.get(kind)
    if kind == "text":
        return str(message["text"]["body"])
    if kind in _FILES:
        return str(message[kind].get("caption", ""))
    if kind == "button":
        return str(message["button"].get("text", ""))
    if kind == "interactive":
        reply = told.get("button_reply") or told.get("list_reply") or {} if isinstance(told, dict) else {}
        return "\n".join(filter(None, [str(reply.get("title", "")), str(reply.get("description", ""))]))
    if kind == "location":
        place = message["location"]
        words = [
            str(place.get("name", "")),
            str(place.get("address", "")),
            f"{place['latitude']}, {place['longitude']}",
        ]
        return _("[Place: %s]") % " ".join(filter(None, words))
    if kind == "contacts":
        return "\n".join(_contact(one) for one in message["contacts"])
    return _("[A message of a kind that WhatsApp does not pass on]")


def _contact(contact: Mapping[str, Any]) -> str:
    numbers = ", ".join(str(one.get("phone", "")) for one in contact.get("phones", ()))
    name = str(contact.get("name", {}).get("formatted_name", ""))
    return _("[Contact: %(name)s, %(number)s]") % {"name": name, "number": numbers}


def _files(message: Mapping[str, Any], kind: str) -> list[RemoteFile]:
    if kind not in _FILES:
        return []
    file, (name, content_type) = message[kind], _FILES[kind]
    told = str(file.get("mime_type") or content_type).partition(";")[0]
    return [RemoteFile(_digits(file["id"]), str(file.get("filename") or name), told)]


def _digits(value: Any) -> str:
    """An id as it stands in an address."""
    text = str(value)
    if not (text.isascii() and text.replace("_", "").isalnum()):
        raise ValueError("no id of a file")
    return text


def _status(status: Mapping[str, Any]) -> Arrival:
    state = str(status["status"])
    if state not in _STATES:
        return NothingToDo(_("state “%s” of an answer") % state)
    errors = status.get("errors") or [{}]
    return DeliveryArrival(
        message_id=str(status["id"]),
        state=state,
        occurred_at=_moment(status["timestamp"]),
        detail=error_words(errors[0]) if state == "failed" else "",
        key=str(status.get("biz_opaque_callback_data", "")),
    )


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
