"""Sends an agent's answer through the channel of its inbox, whatever that is but e-mail."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import (
    PermanentFailure,
    Sender,
    TemporaryFailure,
    Withheld,
    keep_progress,
    postpone_outbound,
)
from tickets.channel import Channel, Connection, OutgoingMessage
from tickets.channel_texts import text_for
from tickets.connections import channel_of, connection_of
from tickets.families import family_ids
from tickets.models import ChannelHealth, ChannelThread, Message, Ticket
from tickets.opt_outs import has_opted_out
from tickets.outbound.email_answer import wait_for_scanner
from tickets.reply_routes import closed_window, person_in, thread_of_answer
from tickets.services.note_channel import note_channel
from tickets.services.note_provider_message import forget_said, ids_named, note_known
from tickets.services.settle_answer import delay_answer, settle_answer
from tickets.stored_files import read_file

# How long the other answers of an inbox wait when its provider cannot be reached, doubled with each failure: they must not time
# out one by one, while answers of other channels wait for the same workers.
PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
# Seconds after which an answer of several messages goes on in a later attempt: the time of a task is limited.
LONGEST_SENDING = 25.0


class CredentialsRefused(TemporaryFailure):
    """The provider does not accept us: nothing of this inbox leaves until somebody has mended it."""


class Throttled(TemporaryFailure):
    """We ask too often: the provider works, and the others of the inbox wait as long."""


@dataclass(frozen=True)
class Prepared:
    """An answer ready to leave. ``thread`` is the id of the thread when that goes on in another ticket until now, else 0."""

    channel: Channel
    connection: Connection
    message: OutgoingMessage
    thread: int


class ChannelAnswerSender(Sender):
    """Delivers the outbound message ``payload["message"]`` through ``payload["inbox"]``, into the thread ``payload["into"]``.

    An answer of several messages keeps the provider's ids of those that have left in ``payload["parts"]``, so that a failure of
    the next one repeats none of them.
    """

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
        thread = thread_of_answer(message, outbound.payload.get("into"))
        if thread is None:
            raise PermanentFailure(_("The customer cannot be reached through %s.") % message.inbox)
        channel = channel_of(message.inbox)
        if has_opted_out(channel, person_in(thread, message.ticket)):
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
            text=text_for(channel, message.body_text),
            author="" if message.author is None else str(message.author),
            files=files,
            template=None
            if template is None
            else (template["name"], template["language"], template["values"]),
        )
        family = ChannelThread.objects.filter(pk=thread.pk, ticket__in=family_ids(message.ticket))
        elsewhere = thread.ticket_id != message.ticket_id and not family.exists()
        return Prepared(channel, connection_of(message.inbox), outgoing, thread.pk if elsewhere else 0)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand it to the provider, and note how the provider is. Returns the id of the first of its messages."""
        inbox_id = prepared.connection.inbox_id
        if outbound.payload.get("thread", 0) != prepared.thread:
            keep_progress(outbound=outbound, progress={"thread": prepared.thread})
        left: list[str] = list(outbound.payload.get("parts", ()))
        parts = prepared.channel.split(prepared.message)
        begun, until = list(left), time.monotonic() + LONGEST_SENDING
        try:
            for part in parts[len(left) :]:
                if left != begun and time.monotonic() > until:
                    break
                left.append(prepared.channel.send(prepared.connection, part))
                if len(parts) > 1:
                    keep_progress(outbound=outbound, progress={"parts": left})
        except CredentialsRefused as error:
            failures = note_channel(inbox_id=inbox_id, state=ChannelHealth.State.REFUSED, error=str(error))
            self._hold_back_others(inbox_id, failures)
            raise
        except Throttled as error:
            postpone_outbound(rows=self._of(inbox_id), until=error.retry_at or timezone.now() + PAUSE)
            raise
        except TemporaryFailure as error:
            failures = note_channel(
                inbox_id=inbox_id, state=ChannelHealth.State.UNREACHABLE, error=str(error)
            )
            self._hold_back_others(inbox_id, failures)
            raise
        note_channel(inbox_id=inbox_id, state=ChannelHealth.State.OK)
        if len(left) < len(parts):
            raise TemporaryFailure(_("The rest of it follows."), retry_at=timezone.now())
        return left[0]

    def arrived(self, outbound: Outbound) -> bool | None:
        """Where the provider has named the part that was on its way, by its key: that one has left, the others follow."""
        message = Message.objects.filter(pk=outbound.payload["message"]).first()
        if message is None:
            return None
        left = list(outbound.payload.get("parts", ()))
        found = [one for one in ids_named(message=message) if one not in left]
        if not found:
            return None
        keep_progress(outbound=outbound, progress={"parts": [*left, found[0]]})
        return False

    def repeated(self, outbound: Outbound) -> None:
        """What was accepted as a whole and failed afterwards is sent anew, and what was said of it no longer counts."""
        forget_said(message_id=outbound.payload["message"])
        if outbound.provider_id:
            outbound.payload = {name: value for name, value in outbound.payload.items() if name != "parts"}

    def delayed(self, outbound: Outbound) -> None:
        """Show on the message that it has not left yet."""
        delay_answer(outbound)

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the message; what the provider has said of it meanwhile counts."""
        message = settle_answer(outbound)
        if message is not None and message.inbox is not None:
            parts = outbound.payload.get("parts") or [outbound.provider_id]
            for provider_id in filter(None, parts):
                note_known(inbox=message.inbox, provider_id=provider_id, message=message)
            if outbound.payload.get("thread"):
                _go_on_in(message.ticket, outbound.payload["thread"])

    def _hold_back_others(self, inbox_id: int, failures: int) -> None:
        pause = min(PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        postpone_outbound(rows=self._of(inbox_id), until=timezone.now() + pause)

    def _of(self, inbox_id: int) -> QuerySet[Outbound]:
        return Outbound.objects.filter(kind=self.key, payload__inbox=inbox_id)


def _go_on_in(ticket: Ticket, thread_id: int) -> None:
    """What the customer answers belongs to the ticket that was answered last."""
    thread = ChannelThread.objects.select_for_update(of=("self",)).filter(pk=thread_id).first()
    if thread is not None:
        thread.ticket = ticket
        thread.save(update_fields=["ticket"])
