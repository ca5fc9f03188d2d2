"""WhatsApp through Meta's Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.outbox import FateUnknown, PermanentFailure
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    HookAnswer,
    HookRequest,
    OutgoingMessage,
    RemoteFile,
    Template,
    Trial,
)
from tickets.channels.meta.graph_api import graph
from tickets.channels.meta.signed_calls import SECRETS, MetaForm, entries_of, greet, verify
from tickets.channels.whatsapp.changes import arrivals_of
from tickets.channels.whatsapp.templates import templates_of
from tickets.incoming import IncomingFile
from tickets.provider_http import fetch

LARGEST_FETCHED = 50_000_000
LONGEST_CAPTION = 1024
# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types: what is larger, or of
# another type, travels as a document.
_MEDIA = {
    "image": (5_000_000, frozenset({"image/jpeg", "image/png"})),
    "video": (16_000_000, frozenset({"video/mp4", "video/3gpp"})),
    "audio": (16_000_000, frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})),
}


class WhatsAppForm(MetaForm):
    """What an inbox of WhatsApp needs."""

    phone_number_id = forms.CharField(
        label=gettext_lazy("Phone number ID"),
        max_length=30,
        help_text=gettext_lazy("In the app's dashboard under WhatsApp → API setup; not the number itself."),
    )
    business_account_id = forms.CharField(
        label=gettext_lazy("Business account ID"),
        max_length=30,
        help_text=gettext_lazy("On the same page; templates belong to it."),
    )
    field_order = ["phone_number_id", "business_account_id", *SECRETS]


class WhatsAppChannel(Channel):
    """Messages between people's numbers and a business number."""

    key = "whatsapp"
    label = gettext_lazy("WhatsApp")
    icon = "brand-whatsapp"
    order = 30
    lead = gettext_lazy("Messages to your WhatsApp number, through Meta's Cloud API.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=4096,
        largest_file=50_000_000,
        reply_window=timedelta(hours=24),
        templates=True,
        states=frozenset({"sent", "delivered", "read", "failed"}),
        threading=gettext_lazy("What one number writes is one ticket, until that is over."),
    )
    settings = WhatsAppForm
    secrets = SECRETS
    is_hooked = True
    answers = True
    card_template = "tickets/settings/_templates_card.html"
    documented_at = "https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks"
    guide = gettext_lazy("Save the numbers and secrets of your app at Meta, then connect the webhook.")

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """The two ids are numbers."""
        wrong = {
            name: _("This is a number without spaces.")
            for name in ("phone_number_id", "business_account_id")
            if not (str(config.get(name, "")).isascii() and str(config.get(name, "")).isdigit())
        }
        if wrong:
            raise ValidationError(wrong)
        return {name: config[name] for name in ("phone_number_id", "business_account_id")}

    def try_connection(self, connection: Connection) -> Trial:
        """Ask for the number, and whether its messages come here."""
        path = f"/{connection.config['phone_number_id']}?fields=display_phone_number,verified_name,webhook_configuration"
        try:
            number = graph(connection, path, method="GET")
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        name = f"{number.get('display_phone_number', '?')} ({number.get('verified_name', '?')})"
        hooks = number.get("webhook_configuration")
        if isinstance(hooks, dict) and connection.hook_url and connection.hook_url in hooks.values():
            return Trial(True, _("%s works and is connected.") % name)
        return Trial(
            True, _("The token for %s works. Its messages do not come here yet: connect the webhook.") % name
        )

    def connect_hook(self, connection: Connection) -> Trial:
        """Have the account's messages told to our app, and those of this number to this address."""
        # https://developers.facebook.com/docs/whatsapp/embedded-signup/webhooks/override
        hook = {
            "override_callback_uri": connection.hook_url,
            "verify_token": connection.secrets.get("verify_token", ""),
        }
        try:
            graph(connection, f"/{connection.config['business_account_id']}/subscribed_apps", repeatable=True)
            graph(
                connection, f"/{connection.config['phone_number_id']}",
                data={"webhook_configuration": hook}, repeatable=True,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whatever it is, the person reads it
            return Trial(False, str(error))
        return Trial(True, _("Connected: messages to this number come here from now on."))

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Check Meta's signature, or the handshake's token."""
        verify(connection, request)

    def greet(self, connection: Connection, request: HookRequest) -> HookAnswer | None:
        """Answer the handshake."""
        return greet(request)

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Messages and delivery states of this number, out of a batch."""
        own = str(connection.config.get("phone_number_id", ""))
        entries = entries_of(payload, "whatsapp_business_account")
        return [one for entry in entries for one in arrivals_of(entry, own)]

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Ask where the file is, then fetch it with the token (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media)."""
        found = graph(connection, f"/{file.reference}", method="GET")
        if int(found.get("file_size") or 0) > LARGEST_FETCHED:
            raise PermanentFailure(_("larger than %d MB") % (LARGEST_FETCHED // 1_000_000))
        headers = {"authorization": f"Bearer {connection.secrets.get('access_token', '')}"}
        content = fetch(str(found.get("url", "")), most_bytes=LARGEST_FETCHED, headers=headers).body
        digest = str(found.get("sha256", ""))
        if digest and hashlib.sha256(content).hexdigest() != digest:
            raise PermanentFailure(_("it did not arrive as it was sent"))
        return IncomingFile(file.name, content, str(found.get("mime_type") or file.content_type))

    def split(self, message: OutgoingMessage) -> Sequence[OutgoingMessage]:
        """One message per file; a caption fits below all but sounds."""
        if message.template is not None:
            return [message]
        first_is_sound = (
            bool(message.files) and _kind(message.files[0][1], len(message.files[0][2])) == "audio"
        )
        parts = message.one_file_each(longest_caption=0 if first_is_sound else LONGEST_CAPTION)
        # Only of an answer in one message may its key, coming back with a state, stand for the whole.
        return parts if len(parts) == 1 else [replace(one, key="") for one in parts]

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Send a text, a file that was handed over before, or a template."""
        number = connection.config["phone_number_id"]
        wanted: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.thread_key,
        }
        if message.key:
            wanted["biz_opaque_callback_data"] = message.key
        if message.template is not None:
            wanted |= {"type": "template", "template": _template(*message.template)}
        elif message.files:
            [file] = message.files
            kind, media = self._hand_over(connection, file, message.text)
            wanted |= {"type": kind, kind: media}
        else:
            wanted |= {"type": "text", "text": {"body": message.text, "preview_url": False}}
        told = graph(connection, f"/{number}/messages", data=wanted)
        try:
            return str(told["messages"][0]["id"])
        except (KeyError, IndexError, TypeError) as error:
            raise FateUnknown(_("The provider accepted the message and named none.")) from error

    def fetch_templates(self, connection: Connection) -> Sequence[Template]:
        """Ask for the account's templates."""
        return templates_of(connection)

    def _hand_over(
        self, connection: Connection, file: tuple[str, str, bytes], caption: str
    ) -> tuple[str, dict[str, str]]:
        name, content_type, content = file
        kind = _kind(content_type, len(content))
        told = graph(
            connection, f"/{connection.config['phone_number_id']}/media",
            form={"messaging_product": "whatsapp", "type": content_type},
            files=[("file", name, content_type, content)], repeatable=True,
        )  # fmt: skip
        media = {"id": str(told["id"])}
        if kind == "document":
            media["filename"] = name
        return kind, media | ({"caption": caption} if caption else {})


def _kind(content_type: str, size: int) -> str:
    for kind, (largest, types) in _MEDIA.items():
        if content_type in types and size <= largest:
            return kind
    return "document"


def _template(name: str, language: str, values: Sequence[str]) -> dict[str, Any]:
    """A template with its values (https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates)."""
    body = {"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}
    return {"name": name, "language": {"code": language}} | ({"components": [body]} if values else {})
