"""Reads the values of mail headers: encoded words, parameters, addresses, message ids, dates.

Every function is total (any string gives a result) and linear in the length of its input.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from tickets.channels.email import limits
from tickets.channels.email.charsets import decode_text

_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*+)\?=")
_PARAMETER_NAME = re.compile(r"[^\s=;\"]{1,100}")
_MESSAGE_ID = re.compile(r"<([^<>\s]++)>")
_DOMAIN = re.compile(r"(?:\[[0-9A-Za-z.:]{1,60}\]|[^\s@<>()\[\],;:\"\\]{1,253})")
_LOCAL = re.compile(r"(?:\"[^\"\r\n]{1,64}\"|[^\s@<>()\[\],;:\"\\]{1,128})")
_DOT_SPACE = re.compile(r"\s*([.@])\s*")
_CONTROL_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JOINERS = ("\u200c", "\u200d")  # needed by several scripts and by emoji; harmless inside a line of text


@dataclass(frozen=True, slots=True)
class MailAddress:
    """A mailbox: ``address`` as ``local@domain`` with the domain in lower case, ``name`` for display only."""

    name: str
    address: str


def one_line(text: str, max_chars: int) -> str:
    """Text safe to show on one line: no control or direction-changing characters, white space collapsed."""
    kept = "".join(_visible(character) for character in text[: max_chars * 4])
    return " ".join(kept.split())[:max_chars].strip()


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if character in _JOINERS or category not in _CONTROL_CATEGORIES:
        return character
    return "" if category == "Cf" else " "


def decode_words(value: str) -> str:
    """Decode RFC 2047 encoded words; neighbours of one charset are joined as bytes first, so that characters
    that a sender cut in two come out whole. Words that cannot be decoded stay as they were written."""
    output: list[str] = []
    pending: list[bytes] = []
    pending_charset, position = "", 0

    def flush() -> None:
        if pending:
            output.append(decode_text(b"".join(pending), pending_charset))
            pending.clear()

    for match in _ENCODED_WORD.finditer(value):
        between = value[position : match.start()]
        data = _word_bytes(match[2], match[3])
        charset = match[1].partition("*")[0].lower()
        if data is None:
            flush()
            output.append(between + match[0])
        else:
            if charset != pending_charset or not pending or between.strip():
                flush()
                # White space between two encoded words is not part of the text (RFC 2047 §6.2).
                output.append("" if position and not between.strip() else between)
            pending_charset = charset
            pending.append(data)
        position = match.end()
    flush()
    output.append(value[position:])
    return "".join(output)


def _word_bytes(encoding: str, payload: str) -> bytes | None:
    raw = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    raw = raw.translate(None, b" \t").rstrip(b"=")
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``text/plain; charset="x"`` into its value and its parameters, with RFC 2231 continuations and
    charsets resolved and RFC 2047 words (which mailers put there against the rules) decoded."""
    head, _, rest = value.partition(";")
    found: dict[str, str] = {}
    position = 0
    while position < len(rest) and len(found) < 100:
        match = _PARAMETER_NAME.search(rest, position)
        if match is None:
            break
        position = match.end()
        while position < len(rest) and rest[position] in " \t":
            position += 1
        if position < len(rest) and rest[position] == "=":
            text, position = _parameter_value(rest, position + 1)
            found.setdefault(match[0].lower(), text)
        elif position < len(rest) and rest[position] != ";":
            continue
    return head.split("(")[0].strip(), _join_continuations(found)


def _parameter_value(text: str, position: int) -> tuple[str, int]:
    """A token or quoted string at ``position``; returns it and the position after the next semicolon."""
    while position < len(text) and text[position] in " \t":
        position += 1
    if position < len(text) and text[position] == '"':
        pieces, position = [], position + 1
        while position < len(text) and text[position] != '"':
            if text[position] == "\\" and position + 1 < len(text) and text[position + 1] in '"\\':
                position += 1
            pieces.append(text[position])
            position += 1
        result = "".join(pieces)
        end = text.find(";", position)
    else:
        end = text.find(";", position)
        result = text[position : len(text) if end < 0 else end].split(" (")[0].strip()
    return result, len(text) if end < 0 else end + 1


def _join_continuations(found: dict[str, str]) -> dict[str, str]:
    result = {name: decode_words(text) for name, text in found.items() if "*" not in name}
    bases = dict.fromkeys(name.partition("*")[0] for name in found if "*" in name)
    for base in bases:
        data, charset, any_piece = b"", "", False
        names = [f"{base}*"] if f"{base}*" in found else []
        if not names:
            for index in range(100):
                name = next((n for n in (f"{base}*{index}*", f"{base}*{index}") if n in found), "")
                if not name:
                    break
                names.append(name)
        for name in names:
            text = found[name]
            if name.endswith("*"):
                if not any_piece and text.count("'") >= 2:
                    charset, _, text = text.split("'", 2)
                data += unquote_to_bytes(text)
            else:
                data += text.encode("utf-8", "replace")
            any_piece = True
        if any_piece:
            result[base] = decode_text(data, charset or "utf-8")
    return result


def parse_addresses(values: list[str]) -> tuple[list[MailAddress], list[str]]:
    """Mailboxes of address headers and the defects met.

    Defects: ``unterminated`` (an open quote, comment or angle bracket reaches the end), ``invalid_address``
    (a piece that claims to be an address and is none). At most ``MAX_ADDRESSES`` + 1 mailboxes are returned, so
    that a caller can see that the cap is exceeded.
    """
    addresses: list[MailAddress] = []
    defects: list[str] = []
    for value in values:
        pieces, terminated = _split_addresses(value)
        if not terminated:
            defects.append("unterminated")
        prefix = ""
        for outside, angle, comment in pieces:
            if angle is None and "@" not in outside:
                # "Doe, John <j@example.com>": the comma was part of a name somebody forgot to quote.
                prefix = f"{prefix} {outside}".strip()
                continue
            address = clean_address(angle if angle is not None else "".join(outside.split()))
            if not address:
                defects.append("invalid_address")
                continue
            name = f"{prefix} {outside}".strip() if angle is not None else comment
            prefix = ""
            addresses.append(MailAddress(one_line(decode_words(name or comment), 200), address))
            if len(addresses) > limits.MAX_ADDRESSES:
                return addresses, defects
    return addresses, defects


def _split_addresses(value: str) -> tuple[list[tuple[str, str | None, str]], bool]:
    """Pieces of an address list as (text outside, text in angle brackets or None, comment); and whether every
    quote, comment and bracket was closed."""
    scanner = _AddressScanner(value)
    scanner.run()
    return scanner.pieces, scanner.terminated


class _AddressScanner:
    """One pass over an address header; comments nest by a counter, so depth costs nothing."""

    def __init__(self, value: str) -> None:
        self.pieces: list[tuple[str, str | None, str]] = []
        self._value = value
        self._position = 0
        self._outside: list[str] = []
        self._angle: list[str] | None = None
        self._comment: list[str] = []
        self._in_quote = False
        self._in_angle = False
        self._nesting = 0

    @property
    def terminated(self) -> bool:
        """Whether nothing was left open at the end."""
        return not (self._in_quote or self._in_angle or self._nesting)

    def run(self) -> None:
        """Read the whole value."""
        while self._position < len(self._value):
            character = self._value[self._position]
            if character == "\\" and (self._in_quote or self._nesting):
                self._position += 1
                self._target().append(self._value[self._position : self._position + 1])
            elif self._in_quote:
                self._quoted(character)
            elif self._nesting or character == "(":
                self._commented(character)
            else:
                self._plain(character)
            self._position += 1
        self._close_piece()

    def _target(self) -> list[str]:
        if self._nesting:
            return self._comment
        return self._angle if self._in_angle and self._angle is not None else self._outside

    def _quoted(self, character: str) -> None:
        if character != '"':
            self._target().append(character)
            return
        self._in_quote = False
        if self._in_angle or self._value[self._position + 1 : self._position + 2] == "@":
            self._target().append('"')

    def _commented(self, character: str) -> None:
        if character == "(":
            self._nesting += 1
        elif character == ")":
            self._nesting -= 1
        else:
            self._comment.append(character)

    def _plain(self, character: str) -> None:
        if character == '"':
            self._in_quote = True
            if self._in_angle or _quoted_local_part(self._value, self._position):
                self._target().append('"')
        elif character == "<" and not self._in_angle:
            self._in_angle, self._angle = True, []
        elif character == ">" and self._in_angle:
            self._in_angle = False
        elif character in ",;" and not self._in_angle:
            self._close_piece()
        elif character == ":" and not self._in_angle and "@" not in "".join(self._outside[-300:]):
            self._outside.clear()  # the display name of a group
        else:
            self._target().append(character)

    def _close_piece(self) -> None:
        text = "".join(self._outside).strip()
        if text or self._angle is not None:
            angle = None if self._angle is None else "".join(self._angle)
            self.pieces.append((text, angle, "".join(self._comment).strip()))
        self._outside.clear()
        self._comment.clear()
        self._angle = None


def _quoted_local_part(value: str, position: int) -> bool:
    """Whether the quoted string that opens at ``position`` is directly followed by ``@`` (looked for in reach of
    the longest local part only, so that the scan stays linear)."""
    closing = value.find('"', position + 1, position + 70)
    return closing > 0 and value[closing + 1 : closing + 2] == "@"


def clean_address(text: str) -> str:
    """``local@domain`` with the domain in lower case, or an empty string when it is not one address."""
    text = text.strip()
    if text.startswith("@") and ":" in text:  # an RFC 822 route
        text = text.rpartition(":")[2]
    if text.lower().startswith("mailto:"):
        text = text[7:]
    if len(text) > 500:
        return ""
    text = _DOT_SPACE.sub(r"\1", text)
    local, _, domain = text.rpartition("@")
    if len(text) > 254 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return ""
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return ""
    if any(unicodedata.category(character) in _CONTROL_CATEGORIES for character in text):
        return ""
    return f"{local}@{domain.lower()}"


def parse_message_ids(value: str) -> list[str]:
    """Message ids with their angle brackets, first to last, without repeats; over-long ones are left out.

    A value without any brackets but with one word is taken as the id itself: several mailers write it so.
    """
    found = [f"<{match}>" for match in _MESSAGE_ID.findall(value)]
    words = value.split()
    if not found and len(words) == 1 and not set(words[0]) & set("<>"):
        found = [f"<{words[0]}>"]
    unique = dict.fromkeys(one for one in found if len(one) <= limits.MAX_MESSAGE_ID_CHARS)
    # The start of a thread and its latest messages are the ids that later mail refers to.
    ids = list(unique)
    if len(ids) > limits.MAX_REFERENCES:
        ids = ids[:1] + ids[1 - limits.MAX_REFERENCES :]
    return [one_line(identifier, limits.MAX_MESSAGE_ID_CHARS) for identifier in ids]


def parse_date(value: str) -> datetime | None:
    """The Date header in UTC, or None where it is no date between 1970 and 2100."""
    try:
        moment = parsedate_to_datetime(value[:200])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return moment if 1970 <= moment.year < 2100 else None
