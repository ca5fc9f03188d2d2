"""Sends an agent's answer by e-mail through Django's mail backend (``EMAIL_URL``)."""

import smtplib
from datetime import timedelta
from email.utils import parseaddr
from typing import Any, ClassVar

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import PermanentFailure, Postponed, Sender, TemporaryFailure, Withheld
from people.models import User
from tickets.channels.email.backends import FileOutboxBackend
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.outgoing import OutgoingFile, OutgoingMail, build_mail, reply_subject
from tickets.channels.email.thread_tokens import make_message_id, reply_address
from tickets.families import family_of
from tickets.file_scans import verdict_of
from tickets.models import Inbox, Message, MessageAlias, StoredFile, Ticket
from tickets.registry import active_scanner
from tickets.rich_text import as_mail_html, without_escapes
from tickets.services.settle_answer import settle_answer
from tickets.stored_files import note_contents, read_file

# How long an answer waits before it looks again whether its files were scanned.
SCAN_PAUSE = timedelta(seconds=10)
_AUTHENTICATION_CODES = (530, 534, 535, 538)


class EmailAnswerSender(Sender):
    """Delivers the outbound message ``payload["message"]``; its Message-ID is what makes a repeat recognisable."""

    key = "tickets.email_reply"
    label: ClassVar[str] = gettext_noop("E-mail")

    def prepare(self, outbound: Outbound) -> EmailMessage:
        """Build the mail from the message's row; nothing to send it to is a permanent failure."""
        message = (
            Message.objects.filter(pk=outbound.payload["message"], kind=Message.Kind.OUTBOUND)
            .select_related("ticket__inbox", "ticket__contact", "author")
            .first()
        )
        if message is None:
            raise Withheld("the answer does not exist any more")
        wait_for_scanner(message)
        try:
            return mail_of(message)
        except (ValueError, FileNotFoundError) as error:
            raise PermanentFailure(str(error)) from error

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server. Its 5xx answers are final, except about our own login."""
        try:
            _hand_over(prepared)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _text in error.recipients.values()]
            failure = PermanentFailure if codes and all(code >= 500 for code in codes) else TemporaryFailure
            raise failure(_refusals(error)) from error
        except smtplib.SMTPResponseException as error:
            text = f"{error.smtp_code} {_text(error.smtp_error)}"
            final = error.smtp_code >= 500 and error.smtp_code not in _AUTHENTICATION_CODES
            raise (PermanentFailure if final else TemporaryFailure)(text) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryFailure(str(error)) from error
        return str(prepared.extra_headers["Message-ID"])

    def arrived(self, outbound: Outbound) -> bool | None:
        """The file outbox can be looked into; of a mail server nobody can tell."""
        connection = get_connection()
        if not isinstance(connection, FileOutboxBackend):
            return None
        message = (
            Message.objects.filter(pk=outbound.payload["message"]).select_related("ticket__inbox").first()
        )
        return message is not None and connection.path_of(message_id_of(message)).exists()

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the message and tell those who look at it."""
        settle_answer(outbound)


def _hand_over(mail: EmailMessage) -> None:
    """Give a mail to the backend; one without envelope sender, which Django's own has no way for, straight to its server."""
    backend = get_connection()
    if mail.from_email or not isinstance(backend, SmtpBackend):
        backend.send_messages([mail])
        return
    backend.open()
    try:
        recipients = [parseaddr(one)[1] for one in mail.recipients()]
        backend.connection.sendmail("", recipients, mail.message().as_bytes(linesep="\r\n"))  # type: ignore[union-attr,call-arg]
    finally:
        backend.close()


def wait_for_scanner(message: Message) -> None:
    """Raise Postponed while a file of the answer was not scanned yet, PermanentFailure for one that may not leave."""
    files = list(message.attachments.with_verdict())
    held = [(one.name, verdict_of(one)) for one in files if verdict_of(one).scan != StoredFile.Scan.CLEAN]
    for name, verdict in held:
        if verdict.scan == StoredFile.Scan.INFECTED or (
            verdict.scan == StoredFile.Scan.FAILED and verdict.hold()
        ):
            raise PermanentFailure(_("%(name)s: %(why)s") % {"name": name, "why": verdict.label})
    waiting = [name for name, verdict in held if verdict.scan == StoredFile.Scan.NOT_SCANNED]
    if waiting and active_scanner() is not None:
        # What came in another way than through ``store_file`` has no row by which the scanner finds it.
        note_contents({one.sha256: one.size for one in files})
        raise Postponed(
            timezone.now() + SCAN_PAUSE, _("waits for the malware scan of %s") % ", ".join(waiting)
        )


def mail_of(message: Message) -> EmailMessage:
    """The mail of an answer as it leaves or has left; raises ValueError without a recipient, FileNotFoundError."""
    return build_mail(_compose(message))


def signature_of(author: User | None, inbox: Inbox | None) -> str:
    """What stands below an answer: the person's own words, then the inbox's; either may be empty."""
    own = "" if author is None else str(author.preferences.get("signature", ""))
    return "\n".join(part.strip() for part in (own, "" if inbox is None else inbox.signature) if part.strip())


def _compose(message: Message) -> OutgoingMail:
    """The mail of an answer. Raises ValueError without a recipient, FileNotFoundError for a lost file."""
    ticket = message.ticket
    sender = sender_of(ticket)
    inbox = ticket.inbox
    own_address = inbox is not None and inbox.address.lower() == sender.address.lower()
    tagged = own_address and inbox is not None and inbox.config.get("plus_address", True)
    signature = signature_of(message.author, inbox)
    text = without_escapes(message.body_text)
    chain, answered = _thread(message)
    to = _mailboxes(message.recipients, "to")
    if not to and ticket.contact.email:
        to = [MailAddress(ticket.contact.name, ticket.contact.email)]
    return OutgoingMail(
        message_id=message_id_of(message),
        sender=sender,
        to=to,
        cc=_mailboxes(message.recipients, "cc"),
        bcc=_mailboxes(message.recipients, "bcc"),
        subject=reply_subject(message.subject or ticket.subject),
        text=f"{text}\n\n-- \n{signature}\n" if signature else text,
        html=as_mail_html(message.body_html, signature=signature) if message.body_html else "",
        sent_at=message.created_at,
        reply_to=reply_address(sender.address, ticket.reference) if tagged else "",
        in_reply_to=answered,
        references=chain,
        files=[
            OutgoingFile(one.name, one.content_type, read_file(one.storage_key))
            for one in message.attachments.all()
        ],
    )


def sender_of(ticket: Ticket) -> MailAddress:
    """Whom an answer comes from: the ticket's inbox, else ``DEFAULT_FROM_EMAIL``."""
    inbox = ticket.inbox
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    if inbox is None:
        return MailAddress(name, address)
    return MailAddress(inbox.from_name or inbox.name, inbox.address or address)


def message_id_of(message: Message) -> str:
    """The signed Message-ID of an answer; the same however often it is asked for."""
    domain = sender_of(message.ticket).address.rpartition("@")[2]
    return make_message_id(message.ticket.reference, message.pk, domain)


def _thread(message: Message) -> tuple[list[str], str]:
    """(ids of the thread before this message, oldest first; the id of the mail it answers or an empty string)."""
    family = list(family_of(message.ticket))
    earlier = (
        Message.objects.filter(ticket__in=family, channel="email", pk__lt=message.pk)
        .exclude(kind=Message.Kind.NOTE)
        .select_related("ticket__inbox")
        .order_by("pk")
    )
    received = [
        one.external_id
        for one in earlier
        if one.ticket_id == message.ticket_id and one.kind == Message.Kind.INBOUND and one.external_id
    ]
    ids = []
    for one in earlier:
        if one.kind == Message.Kind.OUTBOUND:
            ids.append(message_id_of(one))
        elif one.external_id:
            ids.append(one.external_id)
    # What customers' mails refer to and we never received comes first: it is older than all we know.
    aliases = MessageAlias.objects.filter(ticket__in=family).exclude(message_id__in=ids).order_by("pk")
    answered = received[-1] if received else ""
    chain = [*aliases.values_list("message_id", flat=True), *ids]
    return [one for one in chain if one != answered] + ([answered] if answered else []), answered


def _mailboxes(recipients: dict[str, Any], kind: str) -> list[MailAddress]:
    return [MailAddress(one.get("name", ""), one["address"]) for one in recipients.get(kind) or ()]


def _refusals(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(f"{address}: {code} {_text(text)}" for address, (code, text) in error.recipients.items())


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
