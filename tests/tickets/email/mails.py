"""Mails as customers write them, for the tests of the intake."""

from tickets.channels.email.services.process_mail import process_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Inbox, MailLedger


def mail_of(
    sender: str = "Mette Aas <mette@halden.example>",
    subject: str = "Invoice",
    body: str = "We were charged twice.",
    **headers: str,
) -> bytes:
    """A plain mail; keyword arguments become headers, ``_`` standing for ``-``."""
    lines = [f"From: {sender}", f"Subject: {subject}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}\r\n").encode()


def take(raw: bytes, inbox: Inbox) -> MailLedger:
    """Store and process a mail; returns its ledger row."""
    ledger, _created = store_mail(raw=raw, inbox=inbox, source="test")
    return process_mail(ledger_id=ledger.pk)


def bounce_of(message_id: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """The report that a mail of ours came back from a recipient."""
    return mail_of(
        sender="MAILER-DAEMON@mx.example",
        subject="Undelivered Mail Returned to Sender",
        Return_Path="<>",
        Content_Type='multipart/report; report-type=delivery-status; boundary="b"',
        body="--b\r\n\r\nSorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        f"Final-Recipient: rfc822; mette@halden.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--",
    )
