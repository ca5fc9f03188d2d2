"""Cuts a raw mail into its tree of MIME parts, in linear time and under the caps of ``limits``.

Works on byte offsets of one buffer, never raises on malformed input other than ``MailRefused`` for a cap, and
reports what was odd as short defect words. The standard library's parser is not used for this step because its
cost is not bounded by the size of its input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tickets.channels.email import limits
from tickets.channels.email.header_values import parse_parameters
from tickets.channels.email.limits import MailRefused

_HEADER_NAME = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}")


@dataclass(slots=True)
class MimePart:
    """One node: its headers as (lower-case name, decoded raw value) in order, and where its body lies."""

    headers: list[tuple[str, str]]
    body_start: int
    body_end: int
    content_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    disposition_parameters: dict[str, str] = field(default_factory=dict)
    children: list[MimePart] = field(default_factory=list)

    def header(self, name: str) -> str:
        """The first value of a header, empty when absent."""
        return next((value for key, value in self.headers if key == name), "")

    def header_values(self, name: str) -> list[str]:
        """Every value of a header, in the order of the mail."""
        return [value for key, value in self.headers if key == name]


class _Walk:
    """State of one walk: the buffer, the number of parts seen and the defects met."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.parts = 0
        self.defects: list[str] = []

    def note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)


def split_mail(raw: bytes) -> tuple[bytes, MimePart, list[str]]:
    """Return (buffer the offsets refer to, root part, defects). Raises ``MailRefused`` when a cap is exceeded."""
    if len(raw) > limits.MAX_MESSAGE_BYTES:
        raise MailRefused(
            "message_too_large", f"{len(raw)} bytes, at most {limits.MAX_MESSAGE_BYTES} are read"
        )
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    walk = _Walk(raw)
    start = 0
    if raw.startswith((b"From ", b">From ")):
        start = raw.find(b"\n") + 1 or len(raw)
    root = _read_part(walk, start, len(raw), depth=0, default_type="text/plain")
    return raw, root, walk.defects


def _read_part(walk: _Walk, start: int, end: int, *, depth: int, default_type: str) -> MimePart:
    walk.parts += 1
    if walk.parts > limits.MAX_PARTS:
        raise MailRefused("too_many_parts", f"more than {limits.MAX_PARTS} MIME parts")
    if depth > limits.MAX_DEPTH:
        raise MailRefused("too_deep", f"MIME parts nested deeper than {limits.MAX_DEPTH}")
    headers, body_start = _read_headers(walk, start, end)
    part = MimePart(headers=headers, body_start=body_start, body_end=end)
    part.content_type, part.parameters = _content_type(part.header("content-type"), default_type)
    part.disposition, part.disposition_parameters = parse_parameters(part.header("content-disposition"))
    part.disposition = part.disposition.lower()
    if part.content_type.startswith("multipart/"):
        _read_children(walk, part, depth)
    return part


def _content_type(value: str, default_type: str) -> tuple[str, dict[str, str]]:
    """The media type in lower case and its parameters; ``default_type`` where the header is absent or unusable."""
    kind, parameters = parse_parameters(value)
    main, _, sub = kind.lower().partition("/")
    if not _TOKEN.fullmatch(main) or not _TOKEN.fullmatch(sub):
        return default_type, parameters
    return f"{main}/{sub}", parameters


def _read_headers(walk: _Walk, start: int, end: int) -> tuple[list[tuple[str, str]], int]:
    """Read one header block of ``raw[start:end]``; returns the headers and where the body starts."""
    raw = walk.raw
    fields: list[tuple[int, int, int]] = []  # (name start, value start, value end)
    position, lines = start, 0
    while position < end:
        newline = raw.find(b"\n", position, end)
        line_end = end if newline < 0 else newline + 1
        if raw[position:line_end] in (b"\n", b"\r\n"):
            position = line_end
            break
        lines += 1
        if lines > limits.MAX_HEADER_LINES:
            raise MailRefused("too_many_header_lines", f"more than {limits.MAX_HEADER_LINES} header lines")
        if raw[position] in b" \t" and fields:
            name, value, _ = fields[-1]
            fields[-1] = (name, value, line_end)
        elif match := _HEADER_NAME.match(raw, position, line_end):
            fields.append((position, match.end(), line_end))
        else:
            walk.note("header_block_without_blank_line" if fields else "no_headers")
            break
        name, value, value_end = fields[-1]
        if value_end - name > limits.MAX_HEADER_BYTES:
            raise MailRefused("header_too_long", f"a header over {limits.MAX_HEADER_BYTES} bytes")
        if line_end - start > limits.MAX_HEADER_BLOCK_BYTES:
            raise MailRefused("headers_too_large", f"headers over {limits.MAX_HEADER_BLOCK_BYTES} bytes")
        position = line_end
    headers = [(_name(raw, name, value), _value(raw[value:stop])) for name, value, stop in fields]
    return headers, position


def _name(raw: bytes, start: int, end: int) -> str:
    return raw[start : end - 1].decode("ascii", "replace").strip().lower()


def _value(raw: bytes) -> str:
    """Header bytes as text, unfolded: UTF-8 where it is valid (RFC 6532), else Windows-1252."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return text.replace("\r", "").replace("\n", "").strip()


def _read_children(walk: _Walk, part: MimePart, depth: int) -> None:
    """Fill ``part.children``; a multipart without a usable boundary is left as one text part."""
    boundary = part.parameters.get("boundary", "").rstrip()
    sections = _sections(walk, part, boundary.encode("utf-8", "replace")) if boundary else []
    if not sections:
        walk.note("multipart_without_parts")
        part.content_type, part.parameters = "text/plain", {}
        return
    default_type = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    for start, end in sections:
        part.children.append(_read_part(walk, start, end, depth=depth + 1, default_type=default_type))


def _sections(walk: _Walk, part: MimePart, boundary: bytes) -> list[tuple[int, int]]:
    """Byte ranges between the boundary lines of a multipart body (RFC 2046 §5.1.1)."""
    raw = walk.raw
    line = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t\r]*+(?=\n|\Z)")
    sections: list[tuple[int, int]] = []
    opened = -1
    # A body starts after a newline; the search includes it, so that a boundary may be the first line.
    for match in line.finditer(raw, part.body_start - 1, part.body_end):
        if opened >= 0:
            sections.append((opened, _before_newline(raw, opened, match.start() + 1)))
            if len(sections) > limits.MAX_PARTS:
                raise MailRefused("too_many_parts", f"more than {limits.MAX_PARTS} MIME parts")
        if match[1]:
            return sections
        opened = min(match.end() + 1, part.body_end)
    if opened >= 0:
        walk.note("missing_closing_boundary")
        sections.append((opened, part.body_end))
    return sections


def _before_newline(raw: bytes, start: int, end: int) -> int:
    """The newline before a boundary belongs to the boundary, not to the part."""
    if end > start and raw[end - 1] == 0x0A:
        end -= 1
        if end > start and raw[end - 1] == 0x0D:
            end -= 1
    return max(start, end)
