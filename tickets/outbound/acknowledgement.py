"""Sends the acknowledgement of a mail: an automatic answer that no machine may answer, with an empty envelope sender."""

from typing import Any, ClassVar

from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Outbound
from core.outbox import PermanentFailure, Sender, Withheld
from people.viewer import system_viewer
from tickets.acknowledgements import OWN_VARIABLES, rules_of
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.mail_facts import is_proven
from tickets.channels.email.outgoing import OutgoingMail, build_mail, reply_subject
from tickets.channels.email.services.send_mail import ReadyMail, hand_over, has_arrived, make_ready
from tickets.channels.email.thread_tokens import make_message_id, reply_address
from tickets.events import ACKNOWLEDGEMENT_SENT
from tickets.macro_variables import render_plain, values_of
from tickets.models import Message
from tickets.outbound.email_answer import sender_of
from tickets.services.plan_acknowledgement import address_of, why_not


class AcknowledgementSender(Sender):
    """Delivers the acknowledgement of the message ``payload["message"]``."""

    key = "tickets.acknowledgement"
    label: ClassVar[str | Promise] = gettext_lazy("Acknowledgement")

    def prepare(self, outbound: Outbound) -> ReadyMail:
        """Build the mail, unless something has happened since that speaks against it."""
        message = _message(outbound)
        if message is None:
            raise Withheld(_("the message does not exist any more"))
        refused = why_not(message.ticket, message)
        if refused:
            raise Withheld(refused)
        try:
            mail = _mail(message)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=message.ticket.inbox)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server in the same way as an agent's answer."""
        return hand_over(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Whether the mail is in the file outbox, where it has gone there."""
        message = _message(outbound)
        return None if message is None else has_arrived(_message_id(message), inbox=message.ticket.inbox)

    def settled(self, outbound: Outbound) -> None:
        """Tell on the ticket that it left."""
        message = _message(outbound)
        if message is not None and outbound.state in (Outbound.State.SENT, Outbound.State.UNCERTAIN):
            ACKNOWLEDGEMENT_SENT.record(
                by=system_viewer("outbox"),
                subject_id=message.ticket_id,
                ticket_id=message.ticket_id,
                account_id=message.ticket.account_id,
                detail={"message": message.pk},
            )


def _message(outbound: Outbound) -> Message | None:
    rows = Message.objects.select_related(
        "ticket__inbox", "ticket__contact", "ticket__account", "ticket__team"
    )
    return rows.filter(pk=outbound.payload["message"]).first()


def _mail(message: Message) -> EmailMessage:
    """The mail. Raises ValueError when a name or address would break a header.

    Whoever forges a sender must not have us write his or her words to somebody else: unless the sender is proven, neither the
    subject nor any name comes from the mail.
    """
    ticket, sender = message.ticket, sender_of(message.ticket.inbox)
    inbox = ticket.inbox
    if inbox is None:
        raise ValueError("the ticket has no inbox")
    tagged = inbox.address.lower() == sender.address.lower() and inbox.config.get("plus_address", True)
    references = [message.external_id] if message.external_id else []
    values, subject = values_of(ticket, None), reply_subject(message.subject or ticket.subject)
    if not is_proven(message.facts):
        values = {name: value if name in OWN_VARIABLES else "" for name, value in values.items()}
        subject = _("We have your message (%s)") % ticket.reference
    return build_mail(
        OutgoingMail(
            message_id=_message_id(message),
            sender=sender,
            to=[MailAddress("", address_of(message))],
            subject=f"Auto: {subject[:200]}",
            text=render_plain(rules_of(inbox).words, values),
            sent_at=timezone.now(),
            reply_to=reply_address(sender.address, ticket.reference) if tagged else "",
            in_reply_to=message.external_id,
            references=references,
            automatic="auto-replied",
            null_sender=True,
        )
    )


def _message_id(message: Message) -> str:
    """The one Message-ID of an acknowledgement; signed as answers are, so that a reply to it joins the ticket."""
    domain = sender_of(message.ticket.inbox).address.rpartition("@")[2]
    return make_message_id(message.ticket.reference, message.pk, domain)
