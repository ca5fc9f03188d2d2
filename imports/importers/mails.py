"""Mails of the past: mboxes, maildirs and single mails, in ZIP or TAR files or in a folder that a command names.

Each is kept raw in the mail ledger's store, parsed by the mail channel's own parser in its own process, and joins the
conversation that its headers name. What colleagues or our own addresses sent becomes an answer.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imports.neutral import Record, body_of, text_of
from imports.registry import PASSED, Importer, Reading
from imports.sources import Limited, Member
from tickets.channels.email.classification import classify_mail
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.mail_files import OTHER_SUFFIXES
from tickets.channels.email.parser_process import parse_in_child
from tickets.channels.email.parsing import ParsedMail

LARGEST_MAIL = 60 * 1024 * 1024
_SEPARATOR = re.compile(
    rb"From [^\r\n]{1,200}?[ \t](?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\r\n]{5,60}\r?\n?\Z"
)
_OTHER = tuple(one for one in OTHER_SUFFIXES if one not in (".zip", ".gz", ".tar", ".tgz"))


class Mails(Importer):
    """Mails with their threads."""

    key = "mail"
    label = gettext_lazy("Mails (mbox, maildir)")
    description = gettext_lazy("Mailboxes of the past: mbox files, maildirs, folders of .eml files")
    files_help = gettext_lazy(
        "mbox files, or ZIP or TAR files with mboxes, maildirs or single mails in them."
    )
    accept = ".mbox,.eml,.zip,.tar,.gz,.tgz"
    guide = "mails"
    translated = ("status",)
    guesses: ClassVar = {"status": {"conversation": "closed"}}

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield each mail of the file, parsed; one that cannot be parsed says why."""
        path, _slash, last = member.name.rpartition("/")
        is_passed = last.startswith(".") or last.lower().endswith(_OTHER) or path.rpartition("/")[2] == "tmp"
        if is_passed or "/__MACOSX/" in f"/{member.name}":
            return
        for number, raw in enumerate(mails_of(member), start=1):
            yield PASSED if reading.is_passing() else self._record(raw, f"{last}#{number}"[-200:], reading)

    def _record(self, raw: bytes, place: str, reading: Reading) -> Record:
        kept = reading.keep(place, raw, "message/rfc822")
        digest = hashlib.sha256(raw).hexdigest()
        try:
            mail = parse_in_child(raw)
        except MailRefused as refusal:
            return Record("mail", digest, {"raw": kept}, error=f"{place}: {refusal.code}")
        if mail.sender is None:
            return Record("mail", digest, {"raw": kept}, error=_("%s: there is no single sender.") % place)
        if not mail.sent_at:
            return Record("mail", digest, {"raw": kept}, error=_("%s: there is no date.") % place)
        kind = classify_mail(mail)
        if kind.kind in ("bounce", "auto_reply", "spam"):
            return Record("mail", digest, {"raw": kept}, error=f"{place}: {kind.kind}")
        at = datetime.fromisoformat(mail.sent_at)
        return Record(
            "mail", digest, _data(mail, kept, reading, kind.may_be_answered), line=max(0, int(at.timestamp()))
        )


def _data(mail: ParsedMail, kept: Any, reading: Reading, by_person: bool) -> dict[str, Any]:
    sender = mail.sender
    assert sender is not None  # noqa: S101 - the caller has looked
    return {
        "raw": kept,
        "message_id": text_of(mail.message_id, 255),
        "referred": [text_of(one, 255) for one in (*mail.in_reply_to, *reversed(mail.references))][:200],
        "sender": {"email": sender.address, "name": sender.name},
        "to": [{"name": one.name, "address": one.address} for one in mail.to],
        "cc": [{"name": one.name, "address": one.address} for one in mail.cc],
        "subject": text_of(mail.subject),
        "text": body_of(mail.text),
        "html": body_of(mail.html),
        "folds": [list(fold) for fold in mail.folds],
        "at": mail.sent_at,
        "automatic": not by_person,
        "files": [
            {
                **reading.keep(one.filename or "attachment", one.content, one.content_type),
                "content_id": one.content_id,
                "inline": one.inline,
            }
            for one in mail.attachments
        ],
    }


def mails_of(member: Member) -> Iterator[bytes]:
    """Yield the mails of a file: several when it begins as an mbox does, else the file. Raises Refused."""
    with member.open() as raw, io.BufferedReader(raw, 256 * 1024) as stream:
        first = stream.readline(LARGEST_MAIL)
        if first.startswith(b"From "):
            yield from _split(raw, stream)
        elif (content := first + stream.read()).strip():
            yield content


def _split(raw: Limited, stream: "io.BufferedReader[Limited]") -> Iterator[bytes]:
    """The mails of an mbox behind its first separator, without the separators."""
    lines: list[bytes] = []
    blank = False
    for line in iter(lambda: stream.readline(LARGEST_MAIL), b""):
        if blank and line.startswith(b"From ") and _SEPARATOR.match(line):
            raw.begin()
            yield b"".join(lines[:-1])
            lines = []
        else:
            lines.append(line)
        blank = line in (b"\n", b"\r\n")
    if lines:
        yield b"".join(lines)
