"""Builds the mail that leaves: headers that thread in every client, plain text with an HTML twin, attachments.

A value that could break a header (line breaks of any alphabet, NUL) is refused with ``UnsafeHeader``; recipients are
single, checked addresses, so a name or a subject can never add one.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.utils import format_datetime

from django.core.mail import EmailMultiAlternatives
from django.utils.html import urlize

from tickets.channels.email.header_values import MailAddress, clean_address, one_line

MAX_REFERENCES = 30
MAX_RECIPIENTS = 100
# What str.splitlines and mail servers take for the end of a line.
_LINE_BREAKS = "\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"


class UnsafeHeader(ValueError):
    """A header value holds a line break or NUL, or an address is not exactly one mailbox."""


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file to attach, with its bytes as stored."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """Everything one outgoing mail needs. ``references`` are the thread's ids, oldest first, ``in_reply_to`` its last.

    ``html`` is the twin of ``text``, made from it when empty. ``automatic`` is empty for what a person wrote, else
    ``auto-replied`` (an answer to one mail) or ``auto-generated``: such mail asks every machine not to answer it.
    ``null_sender`` leaves the envelope without a sender (``from_email`` is empty), so that not even a bounce comes back.
    """

    message_id: str
    sender: MailAddress
    to: Sequence[MailAddress]
    subject: str
    text: str
    sent_at: datetime
    cc: Sequence[MailAddress] = ()
    bcc: Sequence[MailAddress] = ()
    reply_to: str = ""
    in_reply_to: str = ""
    references: Sequence[str] = ()
    files: Sequence[OutgoingFile] = ()
    html: str = ""
    automatic: str = ""
    null_sender: bool = False
    extra_headers: dict[str, str] = field(default_factory=dict)


def build_mail(mail: OutgoingMail) -> EmailMultiAlternatives:
    """The Django message for ``mail``; raises ``UnsafeHeader`` or, without any recipient, ValueError."""
    recipients = [*mail.to, *mail.cc, *mail.bcc]
    if not recipients or len(recipients) > MAX_RECIPIENTS:
        raise ValueError(
            f"a mail needs between 1 and {MAX_RECIPIENTS} recipients, this one has {len(recipients)}"
        )
    message = EmailMultiAlternatives(
        subject=_literal(mail.subject) or "(no subject)",
        body=mail.text,
        from_email="" if mail.null_sender else format_mailbox(mail.sender),
        to=[format_mailbox(one) for one in mail.to],
        cc=[format_mailbox(one) for one in mail.cc],
        bcc=[format_mailbox(one) for one in mail.bcc],
        reply_to=[format_mailbox(MailAddress("", mail.reply_to))] if mail.reply_to else None,
        headers=_headers(mail),
    )
    if mail.null_sender:
        message.from_email = ""  # the constructor would put the default in its place
    message.attach_alternative(mail.html or text_as_html(mail.text), "text/html")
    for one in mail.files:
        message.attach(*_attachment(one))
    return message


def automatic_headers(kind: str) -> dict[str, str]:
    """Headers of mail that no person wrote; ``kind`` is ``auto-replied`` or ``auto-generated`` (RFC 3834)."""
    return {"Auto-Submitted": kind, "X-Auto-Response-Suppress": "All", "Precedence": "bulk"}


def format_mailbox(mailbox: MailAddress) -> str:
    """``"Name" <local@domain>`` with the name quoted or encoded as needed; raises ``UnsafeHeader``."""
    address = _safe(mailbox.address)
    if not address or clean_address(address).lower() != address.lower():
        raise UnsafeHeader(f"not exactly one mailbox: {address!r}")
    name = _literal(mailbox.name)
    if not name:
        return address
    local, _, domain = address.rpartition("@")
    return str(Address(display_name=name, username=local.strip('"'), domain=domain))


def reply_subject(subject: str) -> str:
    """``Re: …`` once, however often the thread has gone back and forth."""
    subject = one_line(subject, 900)
    while subject[:3].lower() in ("re:", "aw:", "sv:", "rv:"):
        subject = subject[3:].strip()
    return f"Re: {subject}" if subject else "Re:"


def thread_references(chain: Sequence[str]) -> list[str]:
    """Ids for the References header: the first of the thread and its latest, so that the header stays short."""
    unique = list(
        dict.fromkeys(one for one in chain if one.startswith("<") and one.endswith(">") and _is_safe(one))
    )
    return unique if len(unique) <= MAX_REFERENCES else unique[:1] + unique[1 - MAX_REFERENCES :]


def text_as_html(text: str) -> str:
    """A plain HTML twin of a text: escaped, line breaks kept, web addresses made links."""
    linked = urlize(text, nofollow=True, autoescape=True)
    style = "font-family:system-ui,sans-serif;font-size:14px;line-height:1.5;white-space:pre-wrap"
    return f'<!doctype html><html><body><div style="{style}">{linked}</div></body></html>'


def _headers(mail: OutgoingMail) -> dict[str, str]:
    headers = {"Message-ID": _safe(mail.message_id), "Date": format_datetime(mail.sent_at)}
    if mail.null_sender:
        headers["From"] = format_mailbox(mail.sender)
    if mail.in_reply_to and _is_safe(mail.in_reply_to):
        headers["In-Reply-To"] = mail.in_reply_to
    references = thread_references(mail.references)
    if references:
        headers["References"] = " ".join(references)
    if mail.automatic:
        headers.update(automatic_headers(mail.automatic))
    headers.update({_safe(name): _safe(value) for name, value in mail.extra_headers.items()})
    return headers


def _attachment(file: OutgoingFile) -> tuple[str, bytes, str]:
    name = one_line(file.filename, 255).replace("/", "_").replace("\\", "_") or "attachment"
    main, _, sub = file.content_type.partition("/")
    known = mimetypes.types_map.values()
    # Django re-encodes text and nested mail; as plain bytes every file arrives as it was stored.
    usable = main not in ("text", "message", "multipart") and bool(sub) and file.content_type in known
    return name, file.content, file.content_type if usable else "application/octet-stream"


def _literal(value: str) -> str:
    """Text for people: an encoded word typed into it must not be decoded into something else on arrival."""
    return _safe(value).replace("=?", "= ?")


def _is_safe(value: str) -> bool:
    return not any(character in _LINE_BREAKS for character in value)


def _safe(value: str) -> str:
    if not _is_safe(value):
        raise UnsafeHeader(f"a line break or NUL in a header value: {value[:80]!r}")
    return value.strip()
