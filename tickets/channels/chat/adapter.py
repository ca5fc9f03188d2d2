"""Chat on web pages as a channel. Visitors come through ``tickets.pages.chat``, answers leave into their chats."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from core.outbox import PermanentFailure
from tickets.channel import Capabilities, Channel, Connection, OutgoingMessage
from tickets.channels.chat.services.deliver_answer import deliver_answer
from tickets.channels.chat.settings import ChatForm
from tickets.channels.chat.snippet import card_of
from tickets.models import ChannelThread, Inbox, Message


class ChatChannel(Channel):
    """A widget on your pages."""

    key = "chat"
    label = _("Chat")
    icon = "message-circle"
    order = 20
    lead = _("A chat on your web pages: one line of HTML, live in both directions.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=20_000,
        states=frozenset({Message.Delivery.SENT, Message.Delivery.READ, Message.Delivery.FAILED}),
        threading=_("A visitor's chat, as long as its ticket is not over."),
    )
    settings = ChatForm
    answers = True
    sender_kind = "tickets.chat_answer"
    card_template = "tickets/settings/_chat_card.html"

    def clean_settings(self, config: dict[str, Any], secrets_: Mapping[str, str]) -> dict[str, Any]:
        """Keep what was chosen; on wish with a new token, from which the identity key follows."""
        kept = dict(config)
        if kept.pop("renew_identity", False):
            kept["identity_token"] = secrets.token_hex(8)
        return kept

    def is_private(self, thread: ChannelThread) -> bool:
        """Only where the page has vouched for the visitor; anybody can type a name and an address."""
        return thread.data.get("is_signed") is True

    def card(self, inbox: Inbox) -> Mapping[str, Any]:
        """Return what the page of the inbox shows beside its form: the snippet, the key, examples."""
        return card_of(inbox)

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Bring an answer into the visitor's chat; ``message.key`` names it."""
        number = message.key.removeprefix("message:")
        answers = Message.objects.filter(kind=Message.Kind.OUTBOUND).select_related(
            "author", "ticket__contact"
        )
        answer = answers.filter(pk=int(number)).first() if number.isdecimal() else None
        if answer is None:
            raise PermanentFailure("the answer does not exist any more")
        return deliver_answer(thread_key=message.thread_key, message=answer)
