"""Sends an agent's answer by e-mail: by the server of its inbox, else by ``EMAIL_URL``."""

from datetime import timedelta
from email.utils import parseaddr
from typing import Any, ClassVar

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import PermanentFailure, Postponed, Sender, Withheld
from people.models import User
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.mail_providers import delivery_name, name_for, provider_of
from tickets.channels.email.outgoing import OutgoingFile, OutgoingMail, build_mail, reply_subject
from tickets.channels.email.services.send_mail import ReadyMail, hand_over, has_arrived, make_ready
from tickets.channels.email.thread_tokens import make_message_id, reply_address
from tickets.families import family_of
from tickets.file_scans import verdict_of
from tickets.macro_variables import render_plain, values_of
from tickets.models import Inbox, Message, MessageAlias, StoredFile
from tickets.registry import active_scanner
from tickets.rich_text import as_mail_html, without_escapes
from tickets.services.note_provider_message import forget_failed, ids_named, ids_reached, note_known
from tickets.services.settle_answer import delay_answer, settle_answer
from tickets.stored_files import note_contents, read_file

# How long an answer waits before it looks again whether its files were scanned.
SCAN_PAUSE = timedelta(seconds=10)


class EmailAnswerSender(Sender):
    """Delivers the outbound message ``payload["message"]``; its Message-ID is what makes a repeat recognisable."""

    key = "tickets.email_reply"
    label: ClassVar[str] = gettext_noop("E-mail")

    def prepare(self, outbound: Outbound) -> ReadyMail:
        """Build the mail from the message's row; nothing to send it to is a permanent failure."""
        message = (
            Message.objects.filter(pk=outbound.payload["message"], kind=Message.Kind.OUTBOUND)
            .select_related("inbox", "ticket__inbox", "ticket__contact", "author")
            .first()
        )
        if message is None:
            raise Withheld("the answer does not exist any more")
        wait_for_scanner(message)
        try:
            mail = mail_of(message)
        except (ValueError, FileNotFoundError) as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=mail_inbox(message))

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to its server."""
        return hand_over(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Whether the mail is in the file outbox, where it has gone there."""
        rows = Message.objects.filter(pk=outbound.payload["message"])
        message = rows.select_related("inbox", "ticket__inbox").first()
        if message is None:
            return None
        name = _name_of(outbound)
        if any(one == name or one.startswith(name_for(name, "")) for one in ids_named(message=message)):
            return True
        return has_arrived(message_id_of(message), inbox=mail_inbox(message))

    def repeated(self, outbound: Outbound) -> None:
        """Who got the mail does not get it again. What was said of those whom it did not reach no longer counts."""
        rows = Message.objects.filter(pk=outbound.payload["message"])
        message = rows.select_related("inbox", "ticket__inbox").first()
        if message is None:
            return
        inbox, name = mail_inbox(message), _name_of(outbound)
        had = set(outbound.payload.get("delivered", ()))
        fresh = had.difference(outbound.payload.get("before", ()))
        by_provider = inbox is not None and provider_of(inbox.config) is not None
        names = [name_for(name, mark) for mark in sorted(fresh)] if by_provider else []
        failed = forget_failed(message=message, inbox=inbox, names=names)
        if name in failed:
            had = set()
        # Where the provider's answer was lost, only what it has told since says whom the mail has reached.
        told = (one.rpartition(":")[::2] for one in ids_reached(message=message))
        had |= {mark for mail, mark in told if mail.startswith(outbound.idempotency_key)}
        had -= {one.rpartition(":")[2] for one in failed}
        outbound.payload = {
            **{key: value for key, value in outbound.payload.items() if key != "refused"},
            "delivered": sorted(had),
            "before": sorted(had),
            "repetition": outbound.payload.get("repetition", 0) + 1,
        }

    def delayed(self, outbound: Outbound) -> None:
        """Show on the message that it has not left yet."""
        delay_answer(outbound)

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the message; what a provider has said of it meanwhile counts."""
        message = settle_answer(outbound)
        inbox = None if message is None else mail_inbox(message)
        if message is not None and inbox is not None and provider_of(inbox.config) is not None:
            before, name = outbound.payload.get("before", ()), _name_of(outbound)
            fresh = [one for one in outbound.payload.get("delivered", ()) if one not in before]
            for known in [*(name_for(name, mark) for mark in fresh), *ids_named(message=message)]:
                note_known(inbox=inbox, provider_id=known, message=message)


def _name_of(outbound: Outbound) -> str:
    return delivery_name(outbound.idempotency_key, outbound.payload.get("repetition", 0))


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
    inbox = mail_inbox(message)
    sender = sender_of(inbox, author=message.author)
    own_address = inbox is not None and inbox.address.lower() == sender.address.lower()
    tagged = own_address and inbox is not None and inbox.config.get("plus_address", True)
    signature = signature_of(message.author, inbox)
    header, footer = frame_of(message)
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
        text=_framed(without_escapes(message.body_text), header, signature, footer),
        html=as_mail_html(message.body_html, signature=signature, header=header, footer=footer)
        if message.body_html
        else "",
        sent_at=message.created_at,
        reply_to=reply_address(sender.address, ticket.reference) if tagged else "",
        in_reply_to=answered,
        references=chain,
        files=[
            OutgoingFile(one.name, one.content_type, read_file(one.storage_key))
            for one in message.attachments.all()
        ],
    )


def frame_of(message: Message) -> tuple[str, str]:
    """What the brand of an answer's inbox says above and below it, as plain text; either may be empty."""
    inbox = mail_inbox(message)
    config = {} if inbox is None else inbox.config
    texts = [str(config.get(name) or "") for name in ("answer_header", "answer_footer")]
    if not any(texts):
        return "", ""
    values = values_of(message.ticket, message.author)
    header, footer = (render_plain(text, values) for text in texts)
    return header, footer


def _framed(text: str, header: str, signature: str, footer: str) -> str:
    below = [f"-- \n{signature}\n" if signature else "", footer]
    return "\n\n".join(part for part in (header, text, *below) if part)


def mail_inbox(message: Message) -> Inbox | None:
    """The inbox that a mail leaves from: the one it was written for, else its ticket's."""
    return message.inbox or message.ticket.inbox


def sender_of(inbox: Inbox | None, *, author: User | None = None) -> MailAddress:
    """Whom a mail comes from: its inbox, else ``DEFAULT_FROM_EMAIL``; by the inbox's rule with the ``author``'s name."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    if inbox is None:
        return MailAddress(name, address)
    brand = inbox.from_name or inbox.name
    if author is not None and author.name and inbox.config.get("sender_rule") == "agent_at_brand":
        brand = _("%(agent)s at %(brand)s") % {"agent": author.name, "brand": brand}
    return MailAddress(brand, inbox.address or address)


def message_id_of(message: Message) -> str:
    """The signed Message-ID of an answer; the same however often it is asked for."""
    domain = sender_of(mail_inbox(message)).address.rpartition("@")[2]
    return make_message_id(message.ticket.reference, message.pk, domain)


def _thread(message: Message) -> tuple[list[str], str]:
    """(ids of the thread before this message, oldest first; the id of the mail it answers or an empty string)."""
    family = list(family_of(message.ticket))
    earlier = (
        Message.objects.filter(ticket__in=family, channel="email", pk__lt=message.pk)
        .exclude(kind=Message.Kind.NOTE)
        .select_related("inbox", "ticket__inbox")
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
