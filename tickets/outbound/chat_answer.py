"""Brings answers into chats, and mails those that nobody has seen there."""

from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Outbound
from core.outbox import PermanentFailure, Withheld
from people.viewer import system_viewer
from tickets.channels.chat.events import CHAT_ANSWER_MAILED
from tickets.channels.chat.services.deliver_answer import (
    FALLBACK_KIND,
    entry_of,
    mail_address,
    plan_fallback,
    provider_id_of,
)
from tickets.channels.chat.settings import ChatSettings
from tickets.channels.email.services.send_mail import ReadyMail, has_arrived, make_ready
from tickets.models import Inbox, Message
from tickets.outbound.channel_answer import ChannelAnswerSender
from tickets.outbound.email_answer import EmailAnswerSender, mail_of, message_id_of, wait_for_scanner
from tickets.services.note_provider_message import note_known


class ChatAnswerSender(ChannelAnswerSender):
    """Delivers the outbound message ``payload["message"]`` into its visitor's chat: rows of our own, so it is known what
    has arrived."""

    key = "tickets.chat_answer"
    label: ClassVar[str] = gettext_lazy("Chat message")  # type: ignore[assignment]

    def arrived(self, outbound: Outbound) -> bool | None:
        """Say whether the answer stands in the chat."""
        message = Message.objects.filter(pk=outbound.payload["message"]).first()
        return message is not None and entry_of(message) is not None

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the message, and plan the mail for a visitor who does not look."""
        super().settled(outbound)
        if outbound.state != Outbound.State.SENT:
            return
        message = (
            Message.objects.filter(pk=outbound.payload["message"])
            .select_related("ticket__contact", "inbox")
            .first()
        )
        entry = None if message is None else entry_of(message)
        if message is None or message.inbox is None or entry is None:
            return
        if not outbound.provider_id:
            provider_id = provider_id_of(entry.session, entry)
            note_known(inbox=message.inbox, provider_id=provider_id, message=message)
        plan_fallback(message=message)


class ChatFallbackSender(EmailAnswerSender):
    """Mails the answer ``payload["message"]`` to a visitor who has not seen it in the chat."""

    key = FALLBACK_KIND
    label: ClassVar[str] = gettext_lazy("Chat answer by e-mail")  # type: ignore[assignment]

    def prepare(self, outbound: Outbound) -> ReadyMail:
        """Build the mail, unless the visitor has come back and read the answer."""
        message = _message(outbound)
        entry = None if message is None else entry_of(message)
        if message is None or entry is None:
            raise Withheld(_("the answer does not exist any more"))
        if entry.session.seen_number >= entry.number:
            raise Withheld(_("the visitor has seen the answer"))
        wait_for_scanner(message)
        address = mail_address(entry.session, message)
        message.recipients = {"to": [{"name": entry.session.name, "address": address}]}
        try:
            mail = mail_of(message)
        except (ValueError, FileNotFoundError) as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=message.inbox)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Whether the mail is in the file outbox, where it has gone there."""
        message = _message(outbound)
        return None if message is None else has_arrived(message_id_of(message), inbox=message.inbox)

    def delayed(self, outbound: Outbound) -> None:
        """The answer is in the chat: that its mail waits changes nothing about it."""

    def settled(self, outbound: Outbound) -> None:
        """Tell those who look at the ticket that the answer left by mail, too. The answer's own state is the chat's."""
        message = _message(outbound)
        if outbound.state != Outbound.State.SENT or message is None:
            return
        CHAT_ANSWER_MAILED.record(
            by=system_viewer("outbox"),
            subject_id=message.pk,
            ticket_id=message.ticket_id,
            account_id=message.ticket.account_id,
        )


def _message(outbound: Outbound) -> Message | None:
    """The answer, as if its ticket were in the inbox from which the chat's mails leave. Never saved."""
    message = (
        Message.objects.filter(pk=outbound.payload["message"])
        .select_related("ticket__inbox", "ticket__contact", "author", "inbox")
        .first()
    )
    if message is not None and message.inbox is not None:
        chosen = ChatSettings.of(message.inbox.config).mail_inbox
        message.inbox = Inbox.objects.filter(pk=chosen or 0, is_active=True).first()
        message.ticket.inbox = message.inbox
    return message
