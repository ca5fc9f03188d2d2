"""Sends an agent's answer through the channel of its inbox, whatever that is but e-mail."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import PermanentFailure, Sender, TemporaryFailure, Withheld, postpone_outbound
from tickets.channel import Channel, Connection, OutgoingMessage
from tickets.connections import channel_of, connection_of
from tickets.models import ChannelHealth, Message
from tickets.opt_outs import has_opted_out
from tickets.outbound.email_answer import wait_for_scanner
from tickets.reply_routes import closed_window, thread_of_answer
from tickets.rich_text import without_escapes
from tickets.services.note_channel import note_channel
from tickets.services.note_provider_message import note_known
from tickets.services.settle_answer import settle_answer
from tickets.stored_files import read_file

# How long the other answers of an inbox wait when its provider cannot be reached, doubled with each failure: they must not time
# out one by one, while answers of other channels wait for the same workers.
PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)


class CredentialsRefused(TemporaryFailure):
    """The provider does not accept us: nothing of this inbox leaves until somebody has mended it."""


@dataclass(frozen=True)
class Prepared:
    """An answer ready to leave."""

    channel: Channel
    connection: Connection
    message: OutgoingMessage


class ChannelAnswerSender(Sender):
    """Delivers the outbound message ``payload["message"]`` through ``payload["inbox"]``."""

    key = "tickets.channel_answer"
    label: ClassVar[str] = gettext_noop("Message")

    def prepare(self, outbound: Outbound) -> Prepared:
        """Build what is sent from the message's row. A closed window or a lost thread is a permanent failure."""
        message = (
            Message.objects.filter(pk=outbound.payload["message"], kind=Message.Kind.OUTBOUND)
            .select_related("inbox", "ticket__contact", "author")
            .first()
        )
        if message is None or message.inbox is None:
            raise Withheld("the answer does not exist any more")
        wait_for_scanner(message)
        thread = thread_of_answer(message)
        if thread is None:
            raise PermanentFailure(_("The customer cannot be reached through %s.") % message.inbox)
        channel = channel_of(message.inbox)
        if has_opted_out(channel, message.ticket.contact):
            raise PermanentFailure(_("The customer has stopped messages through %s.") % channel.label)
        template = message.template
        if template is None and closed_window(channel, thread, timezone.now()):
            raise PermanentFailure(_("The time to answer freely is over: choose a template."))
        try:
            files = [
                (one.name, one.content_type, read_file(one.storage_key)) for one in message.attachments.all()
            ]
        except FileNotFoundError as error:
            raise PermanentFailure(str(error)) from error
        outgoing = OutgoingMessage(
            key=outbound.idempotency_key,
            thread_key=thread.key,
            thread_data=thread.data,
            text=without_escapes(message.body_text),
            author="" if message.author is None else str(message.author),
            files=files,
            template=None
            if template is None
            else (template["name"], template["language"], template["values"]),
        )
        return Prepared(channel, connection_of(message.inbox), outgoing)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand it to the provider, and note how the provider is."""
        inbox_id = prepared.connection.inbox_id
        try:
            provider_id: str = prepared.channel.send(prepared.connection, prepared.message)
        except CredentialsRefused as error:
            failures = note_channel(inbox_id=inbox_id, state=ChannelHealth.State.REFUSED, error=str(error))
            self._hold_back_others(inbox_id, failures)
            raise
        except TemporaryFailure as error:
            failures = note_channel(
                inbox_id=inbox_id, state=ChannelHealth.State.UNREACHABLE, error=str(error)
            )
            self._hold_back_others(inbox_id, failures)
            raise
        note_channel(inbox_id=inbox_id, state=ChannelHealth.State.OK)
        return provider_id

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the message; what the provider has said of it meanwhile counts."""
        message = settle_answer(outbound)
        if message is not None and message.inbox is not None and outbound.provider_id:
            note_known(inbox=message.inbox, provider_id=outbound.provider_id, message=message)

    def _hold_back_others(self, inbox_id: int, failures: int) -> None:
        waiting = Outbound.objects.filter(kind=self.key, payload__inbox=inbox_id)
        pause = min(PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        postpone_outbound(rows=waiting, until=timezone.now() + pause)
