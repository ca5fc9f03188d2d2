"""Finds the customer in a mail that somebody passed on: the header block above the mail that is forwarded.

Pure functions; whether the forwarder may speak for another is decided by who processes the mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tickets.channels.email.header_values import MailAddress, one_line, parse_addresses
from tickets.channels.email.reply_words import Field, is_forward_mark, is_forward_subject, read_field

_MOST_LINES = 400
_BLOCK_LINES = 14
_MAILTO = re.compile(r"\[mailto:([^\]\s]{3,250})\]|<mailto:([^>\s]{3,250})>", re.IGNORECASE)
_SUBJECT_PREFIX = re.compile(r"^\s*(?:[A-Za-z]{1,6}|转发|轉寄|転送|전달)\s?[:：]\s*")


@dataclass(frozen=True, slots=True)
class ForwardedMail:
    """``sender`` is who wrote the mail that was passed on, ``subject`` what it is about (without "Fwd:")."""

    sender: MailAddress
    subject: str


def read_forward(subject: str, text: str) -> ForwardedMail | None:
    """The original sender of a mail that is passed on, None when it is none or names no sender.

    It is one when a line says so ("---------- Forwarded message ---------") or the subject does ("Fwd:", "WG:", "TR:") and a
    header block stands in the text. Block marks (``> ``) before its lines do not matter.
    """
    lines = [line.lstrip("> \t") for line in text.split("\n")[:_MOST_LINES]]
    mark = next((number for number, line in enumerate(lines) if is_forward_mark(line)), None)
    if mark is None and not is_forward_subject(subject):
        return None
    for start in range((mark or -1) + 1, len(lines)):
        fields = _block(lines, start)
        if fields:
            sender = _sender(fields["from"])
            if sender is None:
                return None
            about = fields.get("subject") or _SUBJECT_PREFIX.sub("", subject)
            return ForwardedMail(sender, one_line(about, 300))
    return None


def _block(lines: list[str], start: int) -> dict[str, str]:
    """The fields that begin at a line, three at least and the sender among them; values may go on in the next line."""
    found: dict[str, str] = {}
    last = ""
    for line in lines[start : start + _BLOCK_LINES]:
        one: Field | None = read_field(line)
        if one is not None:
            last = one.role
            found.setdefault(last, one.value)
        elif not found:
            return {}
        elif line.strip() and last and len(found[last]) < 300:
            found[last] += " " + line.strip()
        elif len(found) >= 3:
            break
    return found if len(found) >= 3 and "from" in found else {}


def _sender(value: str) -> MailAddress | None:
    """The one mailbox of a From value, also as Outlook writes it: ``Ada Berg [mailto:ada@kunde.example]``."""
    outlook = _MAILTO.search(value)
    if outlook is not None and "<" not in value[: outlook.start()]:
        value = f"{value[: outlook.start()]}<{outlook[1] or outlook[2]}>"
    addresses, _defects = parse_addresses([value[:1_000].replace("*", "")])
    return addresses[0] if len(addresses) == 1 else None
