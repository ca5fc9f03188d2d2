"""Slack: a message in a channel is a ticket, its thread the conversation; colleagues answer here or there.

https://docs.slack.dev/authentication/verifying-requests-from-slack describes the signature,
https://docs.slack.dev/reference/events/message what comes,
https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/messaging/working-with-files what leaves.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.outbox import PermanentFailure, TemporaryFailure
from customers.identities import Identity
from tickets import provider_http
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    DeletionArrival,
    EditArrival,
    HookAnswer,
    HookRequest,
    MessageArrival,
    OutgoingMessage,
    RefusedCall,
    RemoteFile,
    Trial,
    Unreadable,
)
from tickets.channels.slack.calls import Person, SlackApi, ask_slack, person_of
from tickets.channels.slack.settings import SlackForm
from tickets.channels.slack.words import escaped, plain_text
from tickets.incoming import IncomingFile
from tickets.models import ChannelThread

# Slack's own advice: an older call may be a recorded one.
OLDEST_SECONDS = 300
LARGEST_FILE = 50_000_000
_WRITTEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})


class SlackChannel(Channel):
    """Channels of a workspace."""

    key = "slack"
    label = gettext_lazy("Slack")
    icon = "brand-slack"
    order = 50
    lead = gettext_lazy("Channels in Slack; colleagues answer there or here.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=4_000,
        largest_file=LARGEST_FILE,
        threading=gettext_lazy("A message in the channel is a ticket, its thread the conversation."),
    )
    settings = SlackForm
    secrets = ("bot_token", "signing_secret")
    is_hooked = True
    answers = True
    documented_at = "https://docs.slack.dev/reference/events/message"
    guide = gettext_lazy(
        "Create an app in Slack, enter the address of this inbox as Request URL of its event subscriptions, invite its bot."
    )

    def try_connection(self, connection: Connection) -> Trial:
        """Ask who the bot is and whether it is in the channels."""
        try:
            bot = ask_slack(connection, "auth.test")
            missing = [one for one in _channels(connection) if not _is_member(connection, one)]
        except (TemporaryFailure, PermanentFailure) as error:
            return Trial(False, str(error))
        if missing:
            return Trial(False, _("Invite the bot to: %s.") % ", ".join(missing))
        words = _("Workspace “%(team)s”, as %(bot)s") % {
            "team": bot.get("team", "?"),
            "bot": bot.get("user", "?"),
        }
        return Trial(True, words)

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Check Slack's signature over time and body."""
        secret = connection.secrets.get("signing_secret", "")
        sent_at = request.headers.get("x-slack-request-timestamp", "")
        if not secret or not sent_at.isdecimal() or len(sent_at) > 12:
            raise RefusedCall("there is no secret or no time")
        if abs(timezone.now().timestamp() - int(sent_at)) > OLDEST_SECONDS:
            raise RefusedCall("the call is too old, or a clock is wrong")
        given = request.headers.get("x-slack-signature", "")
        if not hmac.compare_digest(given.encode(), signature_of(secret, sent_at, request.body).encode()):
            raise RefusedCall("the signature does not fit")

    def greet(self, connection: Connection, request: HookRequest) -> HookAnswer | None:
        """Answer the handshake when the address is entered in Slack."""
        told = _object(request)
        if told.get("type") != "url_verification":
            return None
        return HookAnswer(str(told.get("challenge", "")))

    def delivery_id(self, request: HookRequest) -> str:
        """Every event has an id, which its repetitions keep."""
        return str(_object(request).get("event_id") or "")

    def is_private(self, thread: ChannelThread) -> bool:
        """Everybody in the channel reads its threads."""
        return False

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Return what people wrote, changed or deleted in our channels; nothing of what bots do, least of all our own."""
        told = _object(payload)
        event = told.get("event")
        if not isinstance(event, dict):
            raise Unreadable("there is no event")
        if event.get("type") != "message" or event.get("channel") not in _channels(connection):
            return []
        subtype = str(event.get("subtype") or "")
        if subtype == "message_changed":
            return _edit(event)
        if subtype == "message_deleted":
            return _deletion(event, str(event.get("deleted_ts") or ""))
        if subtype not in _WRITTEN or event.get("bot_id") or not event.get("user"):
            return []
        return [replace(_message(told, event), received_at=payload.received_at)]

    def complete(self, connection: Connection, arrival: Arrival) -> Arrival | None:
        """Ask who wrote. Somebody of the app's own workspace may be a colleague."""
        if not isinstance(arrival, MessageArrival):
            return arrival
        person = person_of(connection, str(arrival.thread_data["user"]))
        if person.is_bot:
            return None
        return _from_person(connection, arrival, person)

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Fetch a file; the token goes to Slack's own hosts alone."""
        url = file.reference
        if url.startswith("id:"):  # shared from another workspace: its address is asked for
            told = ask_slack(connection, "files.info", file=url[3:]).get("file") or {}
            url = str(told.get("url_private_download") or told.get("url_private") or "")
        if not _is_slack(url):
            raise PermanentFailure(_("kept outside Slack"))
        headers = {"authorization": f"Bearer {connection.secrets.get('bot_token', '')}"}
        answer = provider_http.fetch(url, most_bytes=LARGEST_FILE, headers=headers)
        found = answer.headers.get("content-type", "").partition(";")[0].strip()
        if found == "text/html" and file.content_type != "text/html":
            raise PermanentFailure(
                _("Slack shows its login page instead: the app needs the scope files:read")
            )
        return IncomingFile(file.name, answer.body, file.content_type)

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Post into the thread in the name of who answers; files go with the text as one step."""
        channel, _colon, thread = message.thread_key.partition(":")
        if message.files:
            return _send_files(connection, message, channel, thread)
        content = {
            "channel": channel,
            "thread_ts": thread,
            "text": escaped(message.text),
            "unfurl_links": False,
        }
        if message.author:
            content["username"] = message.author
        posted = ask_slack(connection, "chat.postMessage", content=content)
        return f"{channel}:{posted.get('ts', '')}"


def signature_of(secret: str, sent_at: str, body: bytes) -> str:
    """Return the signature of a call: HMAC-SHA256 over version, time and body."""
    signed = b":".join([b"v0", sent_at.encode(), body])
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _channels(connection: Connection) -> list[str]:
    return [one.strip() for one in str(connection.config.get("channels", "")).split(",")]


def _is_member(connection: Connection, channel: str) -> bool:
    told = ask_slack(connection, "conversations.info", channel=channel).get("channel") or {}
    return bool(told.get("is_member"))


def _object(request: HookRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _moment(ts: Any) -> datetime:
    """The time of a message, which is its name in its channel."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{ts!r} is no time") from error


def _message(told: Mapping[str, Any], event: Mapping[str, Any]) -> MessageArrival:
    channel, ts = event["channel"], event.get("ts")
    given = told.get("authorizations")
    authorised = next((one for one in given if isinstance(one, dict)), {}) if isinstance(given, list) else {}
    files, links = _files(event.get("files"))
    return MessageArrival(
        thread_key=f"{channel}:{event.get('thread_ts') or ts}",
        message_id=f"{channel}:{ts}",
        sender=Identity("handle", f"slack:{event.get('team') or told.get('team_id') or ''}:{event['user']}"),
        text="\n".join([plain_text(str(event.get("text") or "")), *links]).strip(),
        occurred_at=_moment(ts),
        files=files,
        thread_data={
            "user": str(event["user"]),
            "team": str(authorised.get("team_id") or told.get("team_id") or ""),
        },
    )


def _files(listed: Any) -> tuple[list[RemoteFile], list[str]]:
    """Files to fetch, and lines about what lies elsewhere."""
    files, links = [], []
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict):
            continue
        name = str(one.get("name") or one.get("title") or _("file"))
        if one.get("mode") in {"external", "tombstone", "hidden_by_limit"}:
            links.append(
                " ".join(
                    filter(None, [f"[{name}]", str(one.get("external_url") or one.get("url_private") or "")])
                )
            )
            continue
        url = str(one.get("url_private_download") or one.get("url_private") or f"id:{one.get('id', '')}")
        kind = str(one.get("mimetype") or "application/octet-stream")
        files.append(
            RemoteFile(url, name, kind, one.get("size") if isinstance(one.get("size"), int) else None)
        )
    return files, links


def _edit(event: Mapping[str, Any]) -> list[Arrival]:
    """A change by a person; previews of links and replies change a message too."""
    message = event.get("message")
    if not isinstance(message, dict) or message.get("bot_id"):
        return []
    if message.get("subtype") == "tombstone":
        return _deletion(event, str(message.get("ts") or ""))
    edited = message.get("edited")
    if not isinstance(edited, dict):
        return []
    text = plain_text(str(message.get("text") or ""))
    return [EditArrival(f"{event['channel']}:{message.get('ts')}", text, _moment(edited.get("ts")))]


def _deletion(event: Mapping[str, Any], ts: str) -> list[Arrival]:
    return [DeletionArrival(f"{event['channel']}:{ts}", _moment(event.get("event_ts") or event.get("ts")))]


def _from_person(connection: Connection, arrival: MessageArrival, person: Person) -> MessageArrival:
    """Name who wrote. Only the app's own workspace vouches for a mail address, unless the inbox trusts others."""
    is_own = bool(person.team) and person.team == arrival.thread_data["team"] and not person.is_stranger
    is_trusted = is_own or bool(connection.config.get("trusts_strangers"))
    return replace(
        arrival,
        sender=Identity.email(person.email) if person.email and is_trusted else arrival.sender,
        sender_name=person.name,
        colleague_email=person.email if is_own and not person.is_guest else "",
    )


def _is_slack(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.netloc == urlsplit(SlackApi.url).netloc or (
        parts.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))
    )


def _send_files(connection: Connection, message: OutgoingMessage, channel: str, thread: str) -> str:
    """Upload, which nobody sees, then show all at once with the text."""
    uploaded = []
    for name, _kind, file in message.files:
        place = ask_slack(connection, "files.getUploadURLExternal", filename=name, length=str(len(file)))
        # Until it is shown nobody sees it, so a second copy does no harm.
        answer = provider_http.ask(
            str(place.get("upload_url", "")),
            body=file,
            repeatable=True,
            total_seconds=provider_http.SENDING_SECONDS,
        )
        provider_http.refuse_bad_status(answer)
        uploaded.append({"id": place.get("file_id"), "title": name})
    text = escaped(message.text)
    content = {
        "files": uploaded,
        "channel_id": channel,
        "thread_ts": thread,
        "initial_comment": f"{escaped(message.author)}: {text}" if message.author else text,
    }
    ask_slack(connection, "files.completeUploadExternal", content=content)
    return f"{channel}:{uploaded[0]['id']}"
