"""Conversations of pages, which Messenger and Instagram share: what their batches tell, and sending.

https://developers.facebook.com/docs/messenger-platform/reference/webhook-events and
https://developers.facebook.com/docs/messenger-platform/instagram/features/webhook have the events,
https://developers.facebook.com/docs/messenger-platform/reference/send-api sending.
"""

import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.outbox import PermanentFailure, TemporaryFailure
from customers.identities import Identity
from customers.models import ContactIdentity
from tickets.channel import (
    Arrival,
    Channel,
    Connection,
    DeletionArrival,
    DeliveryArrival,
    EditArrival,
    HookAnswer,
    HookRequest,
    MessageArrival,
    NothingToDo,
    NotUnderstood,
    OutgoingMessage,
    ReadingArrival,
    RemoteFile,
    Trial,
    Unreadable,
)
from tickets.channels.meta.graph_api import graph
from tickets.channels.meta.signed_calls import SECRETS, MetaForm, entries_of, greet, verify
from tickets.incoming import IncomingFile
from tickets.provider_http import fetch

LARGEST_FILE = 25_000_000
_FILE_KINDS = frozenset({"image", "video", "audio", "file", "ig_reel", "reel", "story_mention"})


class PageForm(MetaForm):
    """What an inbox of a page needs."""

    page_id = forms.CharField(
        label=gettext_lazy("Page ID"),
        max_length=30,
        help_text=gettext_lazy("On the page under About → Page transparency."),
    )
    field_order = ["page_id", *SECRETS]


class PageChannel(Channel):
    """Base of channels in which people write to a page; not one itself.

    ``batch`` is what Meta calls the batches, ``owner`` the field of the settings that holds the id which entries name,
    ``fields`` what the page is subscribed to, ``name_fields`` where people's names are.
    """

    secrets = SECRETS
    is_hooked = True
    answers = True
    batch: ClassVar[str] = ""
    owner: ClassVar[str] = "page_id"
    fields: ClassVar[str] = ""
    name_fields: ClassVar[str] = "name"

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Ids are numbers."""
        ids = {name: str(config.get(name, "")) for name in dict.fromkeys(["page_id", self.owner])}
        wrong = {
            name: _("This is a number without spaces.")
            for name, value in ids.items()
            if not (value.isascii() and value.isdigit())
        }
        if wrong:
            raise ValidationError(wrong)
        return ids

    def try_connection(self, connection: Connection) -> Trial:
        """Ask for the page, and what it is subscribed to."""
        page = connection.config["page_id"]
        try:
            name = str(graph(connection, f"/{page}?fields=name", method="GET").get("name", "?"))
            apps = graph(connection, f"/{page}/subscribed_apps", method="GET").get("data", ())
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        if not any("messages" in one.get("subscribed_fields", ()) for one in apps if isinstance(one, dict)):
            return Trial(
                True,
                _("The token of %s works. Its messages do not come here yet: connect the webhook.") % name,
            )
        return Trial(True, _("%s works and is connected.") % name)

    def connect_hook(self, connection: Connection) -> Trial:
        """Subscribe our app to the page; the address itself is entered in the app's dashboard."""
        path = f"/{connection.config['page_id']}/subscribed_apps?subscribed_fields={self.fields}"
        try:
            graph(connection, path, repeatable=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        return Trial(
            True, _("The page is subscribed. Enter the address and the verify token in the app's dashboard.")
        )

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Check Meta's signature, or the handshake's token."""
        verify(connection, request)

    def greet(self, connection: Connection, request: HookRequest) -> HookAnswer | None:
        """Answer the handshake."""
        return greet(request)

    def acknowledgement(self, connection: Connection, request: HookRequest) -> HookAnswer:
        """What Meta's examples answer."""
        return HookAnswer("EVENT_RECEIVED")

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Messages and what became of ours, of this page, out of a batch."""
        own = str(connection.config.get(self.owner, ""))
        found: list[Arrival] = []
        for entry in entries_of(payload, self.batch):
            if str(entry.get("id")) != own:
                found.append(NothingToDo(_("about another page")))
                continue
            events = entry.get("messaging", ())
            if not isinstance(events, list | tuple):
                raise Unreadable(_("A field of the message is missing or makes no sense: %s") % "messaging")
            for event in events:
                found += _understood(event, self.key, own)
            if entry.get("standby"):
                found.append(NothingToDo(_("a conversation that another app leads")))
        return found

    def complete(self, connection: Connection, arrival: Arrival) -> Arrival | None:
        """Ask who somebody new is; people who keep their name to themselves have none."""
        if not isinstance(arrival, MessageArrival) or not _is_new(arrival.sender):
            return arrival
        try:
            told = graph(connection, f"/{arrival.thread_key}?fields={self.name_fields}", method="GET")
        except (PermanentFailure, TemporaryFailure):
            return arrival
        return replace(arrival, sender_name=str(told.get("name") or told.get("username") or ""))

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Fetch a file from Meta's servers; its address is public for a while and needs no token."""
        found = fetch(file.reference, most_bytes=LARGEST_FILE)
        kind = found.headers.get("content-type", "").partition(";")[0].strip() or file.content_type
        return IncomingFile(file.name + (mimetypes.guess_extension(kind) or ""), found.body, kind)

    def split(self, message: OutgoingMessage) -> Sequence[OutgoingMessage]:
        """The text, then each file."""
        return message.one_file_each()

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Send a text or a file as an answer."""
        path = f"/{connection.config['page_id']}/messages"
        wanted: dict[str, Any] = {"recipient": {"id": message.thread_key}, "messaging_type": "RESPONSE"}
        if not message.files:
            told = graph(connection, path, data=wanted | {"message": {"text": message.text}})
        else:
            [(name, content_type, content)] = message.files
            kind = content_type.partition("/")[0]
            kind = kind if kind in ("image", "video", "audio") else "file"
            attachment = {"attachment": {"type": kind, "payload": {"is_reusable": False}}}
            form = {
                "recipient": json.dumps(wanted["recipient"]), "messaging_type": "RESPONSE", "message": json.dumps(attachment),
            }  # fmt: skip
            told = graph(connection, path, form=form, files=[("filedata", name, content_type, content)])
        return str(told.get("message_id", ""))


def _is_new(sender: Identity) -> bool:
    return not ContactIdentity.objects.filter(kind=sender.kind, value=sender.value).exists()


def _understood(event: Mapping[str, Any], channel: str, own: str) -> list[Arrival]:
    """What one event tells; an odd one does not keep back the others of its batch."""
    try:
        return list(_arrivals(event, channel, own))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        return [NotUnderstood(_("A field of the message is missing or makes no sense: %s") % error)]


def _arrivals(event: Mapping[str, Any], channel: str, own: str) -> Iterator[Arrival]:
    sender = str(event["sender"]["id"])
    at = datetime.fromtimestamp(int(event["timestamp"]) / 1000, UTC) if "timestamp" in event else None
    if "message" in event:
        yield _message(event["message"], sender, channel, own, _known(at))
    elif "message_edit" in event:
        change = event["message_edit"]
        yield EditArrival(str(change["mid"]), str(change.get("text", "")), _known(at))
    elif "postback" in event:
        press = event["postback"]
        mid = str(press.get("mid") or f"postback:{sender}:{event['timestamp']}")
        yield _arrival(sender, channel, own, mid, str(press.get("title", "")), [], _known(at))
    elif "delivery" in event:
        yield from _reached(event["delivery"], "delivered", sender, at)
    elif "read" in event:
        yield from _reached(event["read"], "read", sender, at)
    elif "reaction" in event:
        yield NothingToDo(_("a reaction: %s") % (event["reaction"].get("emoji") or _("taken back")))
    else:
        names = sorted(set(event) - {"sender", "recipient", "timestamp"})
        yield NothingToDo(_("about %s") % ", ".join(names))


def _message(message: Mapping[str, Any], sender: str, channel: str, own: str, at: datetime) -> Arrival:
    mid = str(message["mid"])
    if message.get("is_echo") or sender == own:
        return NothingToDo(_("the echo of an answer"))
    if message.get("is_deleted"):
        return DeletionArrival(mid, at)
    attachments = [one for one in message.get("attachments", ()) if isinstance(one, dict)]
    files = [_file(one) for one in attachments if one.get("type") in _FILE_KINDS and _url(one)]
    words = [str(message.get("text", "")), *(_words(one) for one in attachments)]
    if message.get("is_unsupported"):
        words.append(_("[A message of a kind that is not passed on]"))
    if isinstance(message.get("reply_to"), dict) and message["reply_to"].get("story"):
        words.insert(0, _("[About your story]"))
    return _arrival(sender, channel, own, mid, "\n".join(filter(None, words)), files, at)


def _arrival(
    sender: str, channel: str, own: str, mid: str, text: str, files: Sequence[RemoteFile], at: datetime
) -> MessageArrival:
    return MessageArrival(
        thread_key=sender,
        message_id=mid,
        sender=Identity("handle", f"{channel}:{own}:{sender}"),
        text=text,
        files=files,
        occurred_at=at,
    )


def _reached(news: Mapping[str, Any], state: str, sender: str, at: datetime | None) -> Iterator[Arrival]:
    """Messenger tells a moment until which all is delivered or read, Instagram a message."""
    mids = [str(one) for one in news.get("mids") or ()] or ([str(news["mid"])] if news.get("mid") else [])
    until = datetime.fromtimestamp(int(news["watermark"]) / 1000, UTC) if "watermark" in news else at
    for mid in mids:
        yield DeliveryArrival(mid, state, _known(until))
    if not mids:
        yield ReadingArrival(sender, state, _known(until))


def _known(at: datetime | None) -> datetime:
    if at is None:
        raise ValueError("timestamp")
    return at


def _url(attachment: Mapping[str, Any]) -> str:
    payload = attachment.get("payload")
    return str(payload.get("url", "")) if isinstance(payload, dict) else ""


def _file(attachment: Mapping[str, Any]) -> RemoteFile:
    names = {"image": _("photo"), "video": _("video"), "audio": _("voice")}
    return RemoteFile(_url(attachment), names.get(str(attachment["type"]), _("file")))


def _words(attachment: Mapping[str, Any]) -> str:
    """What is no file, in words."""
    kind = attachment.get("type")
    payload = attachment.get("payload")
    told = payload if isinstance(payload, dict) else {}
    if kind == "location":
        spot = told.get("coordinates", {})
        return _("[Place: %s]") % f"{spot.get('lat')}, {spot.get('long')}"
    if kind == "story_mention":
        return _("[Mentioned you in a story]")
    if kind in _FILE_KINDS and _url(attachment):
        return ""
    return " ".join(filter(None, [str(attachment.get("title") or told.get("title") or ""), _url(attachment)]))
