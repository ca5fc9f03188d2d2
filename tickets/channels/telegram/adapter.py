"""Telegram: a chat with our bot is a ticket. Speaks the Bot API (https://core.telegram.org/bots/api)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.guarded_http import Answer
from core.multipart import multipart
from core.outbox import PermanentFailure, TemporaryFailure
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    HookRequest,
    OutgoingMessage,
    RefusedCall,
    RemoteFile,
    Trial,
    Unreadable,
)
from tickets.channels.telegram.updates import arrivals_of
from tickets.incoming import IncomingFile
from tickets.models import ChannelThread
from tickets.outbound.channel_answer import CredentialsRefused
from tickets.provider_http import SENDING_SECONDS, ask, fetch, json_of, provider_url, throttled

API = "https://api.telegram.org"
_TOKEN = re.compile(r"\d{5,20}:[A-Za-z0-9_-]{30,80}", re.ASCII)
# What bots may fetch and send (https://core.telegram.org/bots/api#getfile, #sending-files).
LARGEST_FETCHED = 20_000_000
LARGEST_PHOTO = 10_000_000
LONGEST_CAPTION = 1024
_PHOTOS = frozenset({"image/jpeg", "image/png"})
_UPDATES = ("message", "edited_message")


class TelegramForm(forms.Form):
    """What an inbox of Telegram needs."""

    token = forms.CharField(
        label=gettext_lazy("Token of the bot"),
        max_length=120,
        widget=forms.PasswordInput(render_value=False),
        help_text=gettext_lazy("BotFather gives it when you create the bot, for example 110201543:AAHdqTcv…"),
    )


class TelegramChannel(Channel):
    """Messages between people and a bot."""

    key = "telegram"
    label = gettext_lazy("Telegram")
    icon = "send"
    order = 40
    lead = gettext_lazy("Messages to your bot.")
    capabilities = Capabilities(
        longest_text=4096,
        largest_file=50_000_000,
        threading=gettext_lazy("A chat is one ticket, until that is over."),
    )
    settings = TelegramForm
    secrets = ("token",)
    is_hooked = True
    answers = True
    documented_at: ClassVar[str] = "https://core.telegram.org/bots/api"
    guide = gettext_lazy("Create a bot with BotFather, save its token here, then connect the webhook.")

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Refuse what is no token; the number of the bot is no secret."""
        token = secrets.get("token", "").strip()
        if not _TOKEN.fullmatch(token):
            raise ValidationError({"token": _("This is no token of a bot.")})
        return {"bot": token.partition(":")[0]}

    def try_connection(self, connection: Connection) -> Trial:
        """Ask who the bot is and where Telegram brings its messages."""
        try:
            bot = _result(_call(connection, "getMe", {}, repeatable=True))
            hook = _result(_call(connection, "getWebhookInfo", {}, repeatable=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        name = f"@{bot.get('username', '?')}"
        if not connection.hook_url or hook.get("url") != connection.hook_url:
            return Trial(
                True,
                _("The token of %s works. Its messages do not come here yet: connect the webhook.") % name,
            )
        if hook.get("last_error_message"):
            return Trial(False, _("%(bot)s is connected, but Telegram could not deliver: %(error)s")
                         % {"bot": name, "error": hook["last_error_message"]})  # fmt: skip
        return Trial(True, _("%s works and is connected.") % name)

    def connect_hook(self, connection: Connection) -> Trial:
        """Have Telegram bring the bot's messages to us."""
        wanted = {
            "url": connection.hook_url,
            "secret_token": _hook_secret(connection),
            "allowed_updates": list(_UPDATES),
        }
        try:
            _result(_call(connection, "setWebhook", wanted, repeatable=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        return Trial(True, _("Connected: messages to the bot come here from now on."))

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Telegram repeats the secret that we gave it."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not constant_time_compare(given, _hook_secret(connection)):
            raise RefusedCall("wrong secret token")

    def delivery_id(self, request: HookRequest) -> str:
        """The number of the update, which Telegram repeats until we have taken it."""
        try:
            update = json.loads(request.body)
        except ValueError:
            return ""
        number = update.get("update_id") if isinstance(update, dict) else None
        return f"update-{number}" if isinstance(number, int) else ""

    def is_private(self, thread: ChannelThread) -> bool:
        """Groups and channels have negative ids."""
        return not thread.key.startswith("-")

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """A new or changed message."""
        try:
            update = json.loads(payload.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(_("This is no JSON: %s") % error) from error
        if not isinstance(update, dict):
            raise Unreadable(_("This is no update of Telegram."))
        return arrivals_of(update)

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Ask where the file is, then fetch it; the address holds the token and is valid for an hour."""
        if (file.size or 0) > LARGEST_FETCHED:
            raise PermanentFailure(_("it is larger than %d MB") % (LARGEST_FETCHED // 1_000_000))
        path = str(
            _result(_call(connection, "getFile", {"file_id": file.reference}, repeatable=True)).get(
                "file_path", ""
            )
        )
        if not re.fullmatch(r"[\w./-]{1,500}", path, re.ASCII) or ".." in path:
            raise PermanentFailure(_("Telegram does not say where it is."))
        base = provider_url(self.key, API)
        found = fetch(
            f"{base}/file/bot{connection.secrets.get('token', '')}/{path}", most_bytes=LARGEST_FETCHED
        )
        return IncomingFile(file.name, found.body, file.content_type)

    def split(self, message: OutgoingMessage) -> Sequence[OutgoingMessage]:
        """One message per file; the text is the caption of the first where it is short enough, else a message of its own."""
        return message.one_file_each(longest_caption=LONGEST_CAPTION)

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Send one text, or one file with a caption."""
        chat, _colon, topic = message.thread_key.partition("/")
        place = {"chat_id": chat} | ({"message_thread_id": topic} if topic else {})
        if not message.files:
            answer = _call(connection, "sendMessage", place | {"text": message.text})
        else:
            [(name, content_type, content)] = message.files
            is_photo = content_type in _PHOTOS and len(content) <= LARGEST_PHOTO
            kind, method = ("photo", "sendPhoto") if is_photo else ("document", "sendDocument")
            fields = place | ({"caption": message.text} if message.text else {})
            answer = _call(connection, method, fields, files=[(kind, name, content_type, content)])
        return f"{chat}:{_result(answer).get('message_id', '')}"


def _hook_secret(connection: Connection) -> str:
    """What proves that a call comes from Telegram: made from the address, so that nobody has to keep it."""
    return salted_hmac("tickets.channels.telegram", connection.hook_url, algorithm="sha256").hexdigest()


def _call(
    connection: Connection,
    method: str,
    values: Mapping[str, Any],
    *,
    files: Sequence[tuple[str, str, str, bytes]] = (),
    repeatable: bool = False,
) -> Answer:
    url = f"{provider_url(TelegramChannel.key, API)}/bot{connection.secrets.get('token', '')}/{method}"
    if not files:
        return ask(url, data=values, repeatable=repeatable)
    content_type, body = multipart({name: str(value) for name, value in values.items()}, files)
    return ask(url, body=body, headers={"content-type": content_type}, total_seconds=SENDING_SECONDS)


def _result(answer: Answer) -> Mapping[str, Any]:
    """What Telegram answers, or the failure that it tells (https://core.telegram.org/bots/api#making-requests)."""
    told = json_of(answer)
    if answer.status == 200 and told.get("ok") is True:
        result = told.get("result")
        return result if isinstance(result, dict) else {}
    words = str(told.get("description") or _("Telegram answers %d.") % answer.status)[:300]
    parameters = told.get("parameters")
    if answer.status in (401, 404):
        raise CredentialsRefused(_("Telegram does not accept the token: %s") % words)
    if answer.status == 429:
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        raise throttled(words, float(wait) if isinstance(wait, int) else 30.0)
    if answer.status >= 500:
        raise TemporaryFailure(words)
    raise PermanentFailure(words)
