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
