"""What updates of Telegram tell (https://core.telegram.org/bots/api#update): messages and their changes.

Bots are not told of messages that were taken back or read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from customers.identities import Identity
from tickets.channel import Arrival, EditArrival, MessageArrival, RemoteFile, Unreadable

QUOTED = 200
# Field of a message → (name where the sender gave none, content type where Telegram gives none).
_FILES = {
    "document": ("document", "application/octet-stream"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "voice": ("voice.ogg", "audio/ogg"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video.mp4", "video/mp4"),
    "animation": ("animation.mp4", "video/mp4"),
}


def arrivals_of(update: Mapping[str, Any]) -> Sequence[Arrival]:
    """Return what an update tells; nothing for what is no message of a person. Raises Unreadable."""
    try:
        if isinstance(update.get("message"), dict):
            return _new(update["message"])
        if isinstance(update.get("edited_message"), dict):
            return _changed(update["edited_message"], int(update.get("update_id", 0)))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Unreadable(_("A field of the message is missing or makes no sense: %s") % error) from error
    return []


def _new(message: Mapping[str, Any]) -> Sequence[Arrival]:
    sender = message.get("from")
    if not isinstance(sender, dict) or sender.get("is_bot"):
        return []
    text, files = _text(message), _files(message)
    if (not text and not files) or text == "/start":
        return []
    chat = message["chat"]
    return [
        MessageArrival(
            thread_key=_thread(message),
            message_id=_id(message),
            sender=Identity("handle", f"telegram:{int(sender['id'])}"),
            sender_name=_name(sender),
            subject="" if chat.get("type") == "private" else str(chat.get("title", "")),
            text=text,
            files=files,
            occurred_at=_moment(message["date"], int(message["message_id"])),
        )
    ]


def _changed(message: Mapping[str, Any], number: int) -> Sequence[Arrival]:
    moment = _moment(message.get("edit_date") or message["date"], number)
    return [EditArrival(_id(message), _text(message), moment)]


def _thread(message: Mapping[str, Any]) -> str:
    """The chat; in groups with topics, the topic."""
    chat = str(int(message["chat"]["id"]))
    topic = message.get("message_thread_id") if message.get("is_topic_message") else None
    return chat if topic is None else f"{chat}/{int(topic)}"


def _id(message: Mapping[str, Any]) -> str:
    """Telegram numbers messages within their chat."""
    return f"{int(message['chat']['id'])}:{int(message['message_id'])}"


def _moment(seconds: Any, number: int) -> datetime:
    """Telegram tells whole seconds; within one, its numbers tell the order."""
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=abs(number) % 1_000_000)


def _name(sender: Mapping[str, Any]) -> str:
    full = " ".join(str(sender[part]) for part in ("first_name", "last_name") if sender.get(part))
    return full or str(sender.get("username", ""))


def _text(message: Mapping[str, Any]) -> str:
    """What was written; below the line that it answers, where it answers one."""
    own = str(message.get("text") or message.get("caption") or "") or _words(message)
    answered = message.get("reply_to_message")
    if not own or not isinstance(answered, dict) or message.get("is_topic_message"):
        return own
    quoted = str(answered.get("text") or answered.get("caption") or "").strip()
    if not quoted:
        return own
    first = quoted.splitlines()[0]
    return f"> {first if len(first) <= QUOTED else first[: QUOTED - 1] + '…'}\n\n{own}"


def _words(message: Mapping[str, Any]) -> str:
    """What is neither text nor file, in words."""
    place = message.get("venue", {}).get("location") or message.get("location")
    if isinstance(place, dict):
        name = str(message.get("venue", {}).get("title", ""))
        spot = f"{float(place['latitude'])}, {float(place['longitude'])}"
        return _("[Place: %s]") % " ".join(filter(None, [name, spot]))
    if isinstance(message.get("contact"), dict):
        contact = message["contact"]
        return _("[Contact: %(name)s, %(number)s]") % {
            "name": _name(contact),
            "number": contact.get("phone_number", ""),
        }
    if isinstance(message.get("sticker"), dict):
        return str(message["sticker"].get("emoji", ""))
    if isinstance(message.get("poll"), dict):
        return str(_("[Poll: %s]") % message["poll"].get("question", ""))
    return ""


def _files(message: Mapping[str, Any]) -> list[RemoteFile]:
    if isinstance(message.get("photo"), list) and message["photo"]:
        # The same picture in several sizes, the largest last.
        largest = message["photo"][-1]
        return [RemoteFile(str(largest["file_id"]), "photo.jpg", "image/jpeg", largest.get("file_size"))]
    sticker = message.get("sticker")
    if isinstance(sticker, dict):
        moves = sticker.get("is_animated") or sticker.get("is_video")
        name, kind = ("sticker", "application/octet-stream") if moves else ("sticker.webp", "image/webp")
        return [RemoteFile(str(sticker["file_id"]), name, kind, sticker.get("file_size"))]
    for kind, (name, content_type) in _FILES.items():
        file = message.get(kind)
        if isinstance(file, dict):
            return [
                RemoteFile(
                    str(file["file_id"]),
                    str(file.get("file_name") or name),
                    str(file.get("mime_type") or content_type),
                    file.get("file_size"),
                )
            ]
    return []
