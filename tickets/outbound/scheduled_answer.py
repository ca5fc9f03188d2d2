"""Lets a scheduled answer leave: at its time it becomes a message of the ticket, whose mail has an outbox row of its own."""

from typing import Any, ClassVar

from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import Sender, Withheld
from tickets.models import Draft, Message
from tickets.services.schedule_answer import hold_failed, release_scheduled


class ScheduledAnswerSender(Sender):
    """Releases the draft ``payload["draft"]`` if it still is the ``version`` that was scheduled."""

    key = "tickets.scheduled_answer"
    label: ClassVar[str] = gettext_noop("Scheduled answer")

    def prepare(self, outbound: Outbound) -> Any:
        """Nothing is built; what has changed since is withheld."""
        draft, version = outbound.payload["draft"], outbound.payload["version"]
        if not Draft.objects.filter(pk=draft, version=version, state=Draft.State.SCHEDULED).exists():
            raise Withheld("held, edited, sent or thrown away since: it is decided on the ticket")
        return None

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Write the message, or hold the answer when something has come between."""
        message = release_scheduled(draft_id=outbound.payload["draft"], version=outbound.payload["version"])
        if message is None:
            raise Withheld("held: something has come between")
        return str(message.pk)

    def arrived(self, outbound: Outbound) -> bool | None:
        """The message and the end of the draft are one transaction, so this can be told."""
        form = f"form:{outbound.ticket_id}:scheduled:{outbound.payload['draft']}"
        return Message.objects.filter(external_id=form, kind=Message.Kind.OUTBOUND).exists()

    def settled(self, outbound: Outbound) -> None:
        """Hold what was given up, so that it shows as failed and its writer knows. What was withheld or cancelled is held, or
        gone, already."""
        if outbound.state in {Outbound.State.FAILED, Outbound.State.UNCERTAIN}:
            draft, version = outbound.payload["draft"], outbound.payload["version"]
            hold_failed(draft_id=draft, version=version, reason=outbound.last_error)
