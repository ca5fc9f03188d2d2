"""Raw bytes of a mail to a ``ParsedMail``.

``parse_mail`` gives a result for every input or raises ``MailRefused``; it is pure (no database, no clock, no
network) and runs in a child process that can be killed (``parse_child``, ``parser_process``). What a stranger
writes about authentication (Received-SPF, X-CSO-*) is not read at all; Authentication-Results are read, and believed only
from the server that an inbox names (``authentication``).
"""

from __future__ import annotations

import binascii
import mimetypes
import re
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from tickets.channels.email import limits
from tickets.channels.email.authentication import AuthenticationResult, read_results
from tickets.channels.email.charsets import decode_text
from tickets.channels.email.header_values import (
    MailAddress,
    decode_words,
    one_line,
    parse_addresses,
    parse_date,
    parse_message_ids,
)
from tickets.channels.email.html_text import read_html
from tickets.channels.email.invitations import MAX_EVENTS, Invitation, read_invitations
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.mime_structure import MimePart, split_mail
from tickets.channels.email.quotes import Fold, fold_quotes
from tickets.channels.email.reply_words import is_forward_subject
from tickets.channels.email.tnef import is_tnef, open_tnef

# Kept as written for the classification; nothing else reads them.
_SIGNAL_HEADERS = (
    "auto-submitted",
    "precedence",
    "x-autoreply",
    "x-autorespond",
    "x-auto-response-suppress",
    "x-loop",
    "x-failed-recipients",
    "x-spam-flag",
    "x-spam-status",
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "return-path",
)
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)
_EXTENSIONS = {
    "message/rfc822": "eml",
    "text/plain": "txt",
    "text/html": "html",
    "text/calendar": "ics",
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
}
_REPORT_PARTS = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_PARTS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers")
_BOUNCED_ID = re.compile(
    r"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A file of the mail. ``filename`` is for display only and never becomes part of a path."""

    filename: str
    content_type: str
    content: bytes
    content_id: str
    inline: bool


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery status notification (RFC 3464) says about one recipient; empty where it is silent."""

    recipient: str
    action: str
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail as the rest of the product sees it.

    ``sender`` is None unless the From header holds exactly one mailbox. ``sent_at`` is ISO 8601 in UTC or empty.
    ``text`` is filled whenever the mail has any readable body and ``folds`` are its quotes; ``html`` is empty when it
    is over a cap.
    ``signals`` are header values that say whether a person wrote the mail. ``bounced_message_ids`` are ids found
    in the part of a report that holds the returned mail. ``defects`` are stable words.
    """

    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    sender: MailAddress | None
    to: tuple[MailAddress, ...]
    cc: tuple[MailAddress, ...]
    reply_to: tuple[MailAddress, ...]
    delivered_to: tuple[MailAddress, ...]
    subject: str
    sent_at: str
    text: str
    folds: tuple[Fold, ...]
    html: str
    attachments: tuple[MailAttachment, ...]
    content_type: str
    report_type: str
    signals: dict[str, tuple[str, ...]]
    delivery_reports: tuple[DeliveryReport, ...]
    bounced_message_ids: tuple[str, ...]
    invitations: tuple[Invitation, ...]
    authentication: tuple[AuthenticationResult, ...]
    defects: tuple[str, ...]

    def to_wire(self) -> tuple[dict[str, Any], list[bytes]]:
        """(JSON-ready dict, attachment contents in order) for the process border."""
        record = asdict(self)
        return record, [record["attachments"][index].pop("content") for index in range(len(self.attachments))]

    @classmethod
    def from_wire(cls, record: dict[str, Any], contents: list[bytes]) -> ParsedMail:
        """The inverse of ``to_wire``; raises TypeError or KeyError on a record that is not one."""

        def mailboxes(key: str) -> tuple[MailAddress, ...]:
            return tuple(MailAddress(**one) for one in record[key])

        values = dict(record)
        values["sender"] = MailAddress(**record["sender"]) if record["sender"] else None
        for key in ("to", "cc", "reply_to", "delivered_to"):
            values[key] = mailboxes(key)
        for key in ("in_reply_to", "references", "bounced_message_ids", "defects"):
            values[key] = tuple(record[key])
        values["folds"] = tuple(Fold(*one) for one in record["folds"])
        values["signals"] = {name: tuple(found) for name, found in record["signals"].items()}
        values["delivery_reports"] = tuple(DeliveryReport(**one) for one in record["delivery_reports"])
        values["invitations"] = tuple(Invitation(**one) for one in record["invitations"])
        values["authentication"] = tuple(AuthenticationResult(**one) for one in record["authentication"])
        values["attachments"] = tuple(
            MailAttachment(content=content, **one)
            for one, content in zip(record["attachments"], contents, strict=True)
        )
        return cls(**values)


@dataclass(slots=True)
class _Body:
    """What a walk over the parts has found so far. A block is one stretch of body as (text, html)."""

    blocks: list[tuple[str | None, str | None]] = field(default_factory=list)
    attachments: list[MailAttachment] = field(default_factory=list)
    reports: list[DeliveryReport] = field(default_factory=list)
    bounced_ids: list[str] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)


def parse_mail(raw: bytes) -> ParsedMail:
    """Parse a mail. Raises ``MailRefused`` when a cap of ``limits`` is exceeded and nothing else."""
    buffer, root, defects = split_mail(raw)
    body = _Body()
    _collect(buffer, root, body, defects)
    text, html = _assemble(body.blocks, defects)
    subject = one_line(decode_words(root.header("subject")), limits.MAX_SUBJECT_CHARS)
    senders, sender_defects = parse_addresses(root.header_values("from"))
    sender = senders[0] if len(senders) == 1 and not sender_defects else None
    if sender is None:
        defects.append("from_not_one_mailbox" if root.header("from") else "from_missing")
    to, cc, reply_to, delivered_to = (
        _recipients(root, names)
        for names in (("to",), ("cc",), ("reply-to",), ("delivered-to", "x-original-to", "envelope-to"))
    )
    if len(to) + len(cc) > limits.MAX_ADDRESSES:
        raise MailRefused("too_many_addresses", f"more than {limits.MAX_ADDRESSES} recipients")
    message_ids = parse_message_ids(root.header("message-id"))
    if not message_ids:
        defects.append("message_id_missing")
    sent_at = parse_date(root.header("date"))
    if sent_at is None:
        defects.append("date_unusable")
    return ParsedMail(
        message_id=message_ids[0] if message_ids else "",
        in_reply_to=tuple(parse_message_ids(" ".join(root.header_values("in-reply-to")))),
        references=tuple(parse_message_ids(" ".join(root.header_values("references")))),
        sender=sender,
        to=to,
        cc=cc,
        reply_to=reply_to,
        delivered_to=delivered_to,
        subject=subject,
        sent_at=sent_at.isoformat() if sent_at else "",
        text=text,
        folds=tuple(fold_quotes(text, forwarded=is_forward_subject(subject))),
        html=html,
        attachments=tuple(body.attachments),
        content_type=root.content_type,
        report_type=one_line(root.parameters.get("report-type", "").lower(), 80),
        signals=_signals(root),
        delivery_reports=tuple(body.reports),
        bounced_message_ids=tuple(dict.fromkeys(body.bounced_ids)),
        invitations=tuple({(one.uid, one.starts): one for one in body.invitations}.values()),
        authentication=tuple(read_results(root.header_values("authentication-results"))),
        defects=tuple(dict.fromkeys(defects)),
    )


def _recipients(root: MimePart, names: tuple[str, ...]) -> tuple[MailAddress, ...]:
    values = [value for name in names for value in root.header_values(name)]
    found, _ = parse_addresses(values)
    if len(found) > limits.MAX_ADDRESSES:
        raise MailRefused("too_many_addresses", f"more than {limits.MAX_ADDRESSES} recipients")
    return tuple({one.address: one for one in reversed(found)}.values())[::-1]


def _signals(root: MimePart) -> dict[str, tuple[str, ...]]:
    found = {name: root.header_values(name)[:5] for name in _SIGNAL_HEADERS}
    return {name: tuple(one_line(value, 200) for value in values) for name, values in found.items() if values}


def _collect(raw: bytes, part: MimePart, body: _Body, defects: list[str]) -> None:
    """Sort the leaves under ``part`` into body blocks, attachments and delivery reports."""
    if part.content_type == "multipart/alternative":
        _collect_alternative(raw, part, body, defects)
    elif part.children:
        for child in part.children:
            _collect(raw, child, body, defects)
    elif part.content_type in _REPORT_PARTS:
        body.reports.extend(_delivery_reports(_text(raw, part)))
    elif _is_body(part):
        text = _text(raw, part)
        body.blocks.append((None, text) if part.content_type == "text/html" else (text, None))
    else:
        content = _content(raw, part, defects)
        if part.content_type in _ORIGINAL_PARTS:
            head = content[: limits.MAX_HEADER_BLOCK_BYTES].decode("latin-1").replace("\r\n", "\n")
            body.bounced_ids.extend(_BOUNCED_ID.findall(head.partition("\n\n")[0])[:3])
        file = _attachment(part, content, len(body.attachments) + 1)
        body.attachments.append(file)
        if part.content_type == "text/calendar" or file.filename.lower().endswith(".ics"):
            body.invitations.extend(read_invitations(content)[: MAX_EVENTS - len(body.invitations)])
        elif is_tnef(part.content_type, file.filename):
            _open_container(content, body, defects)


def _open_container(content: bytes, body: _Body, defects: list[str]) -> None:
    """The files of a winmail.dat become files of the mail, and its text the mail's where the mail has none."""
    opened = open_tnef(content)
    if opened is None:
        defects.append("damaged_winmail")
        return
    for name, data in opened.files:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        shown = _display_name(name) or f"attachment-{len(body.attachments) + 1}.bin"
        body.attachments.append(MailAttachment(shown, kind, data, content_id="", inline=False))
    if any((text or html or "").strip() for text, html in body.blocks):
        return
    text, html = (one if isinstance(one, str) else decode_text(one, "") for one in (opened.text, opened.html))
    if text.strip() or html.strip():
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        body.blocks.append((plain if plain.strip() else None, html if html.strip() else None))


def _collect_alternative(raw: bytes, part: MimePart, body: _Body, defects: list[str]) -> None:
    """The alternatives are one block: its text from the plain ones, its HTML from the HTML one."""
    inner = _Body(
        attachments=body.attachments,
        reports=body.reports,
        bounced_ids=body.bounced_ids,
        invitations=body.invitations,
    )
    for child in part.children:
        _collect(raw, child, inner, defects)
    texts = [text for text, _ in inner.blocks if text is not None and text.strip()]
    htmls = [html for _, html in inner.blocks if html is not None and html.strip()]
    if texts or htmls:
        body.blocks.append(("\n".join(texts) if texts else None, "\n".join(htmls) if htmls else None))


def _is_body(part: MimePart) -> bool:
    if part.content_type.startswith("multipart/"):
        return True
    if part.content_type not in (
        "text/plain",
        "text/html",
        "text/enriched",
        "text/richtext",
        "text/markdown",
    ):
        return False
    named = "filename" in part.disposition_parameters or "name" in part.parameters
    return part.disposition != "attachment" and not named


def _text(raw: bytes, part: MimePart) -> str:
    data = _content(raw, part, [])
    text = decode_text(data, part.parameters.get("charset", ""))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content(raw: bytes, part: MimePart, defects: list[str]) -> bytes:
    """The bytes of a leaf with its transfer encoding undone; what cannot be decoded stays as it came."""
    data = raw[part.body_start : part.body_end]
    encoding = part.header("content-transfer-encoding").split(";")[0].strip().strip("'\"").lower()
    if encoding == "base64":
        letters = data.partition(b"=")[0].translate(None, _NOT_BASE64)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
            defects.append("damaged_base64")
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uudecode(data, defects)
    if encoding not in ("", "7bit", "8bit", "binary"):
        defects.append("unknown_transfer_encoding")
    return data


def _uudecode(data: bytes, defects: list[str]) -> bytes:
    output: list[bytes] = []
    inside = False
    for line in data.splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
        elif line.strip() == b"end":
            break
        else:
            try:
                output.append(binascii.a2b_uu(line))
            except binascii.Error:
                defects.append("damaged_uuencode")
    return b"".join(output) if inside else data


def _attachment(part: MimePart, content: bytes, number: int) -> MailAttachment:
    name = part.disposition_parameters.get("filename") or part.parameters.get("name", "")
    content_id = part.header("content-id").strip().strip("<>")
    return MailAttachment(
        filename=_display_name(name) or f"attachment-{number}.{_EXTENSIONS.get(part.content_type, 'bin')}",
        content_type=part.content_type,
        content=content,
        content_id=one_line(content_id, 200),
        inline=bool(content_id) and part.disposition != "attachment",
    )


def _display_name(name: str) -> str:
    """The last component of what the sender calls the file, cut to 255 bytes with its extension kept."""
    name = one_line(name, 1_000).replace("\\", "/").rpartition("/")[2].strip(" .")
    if len(name.encode("utf-8")) <= limits.MAX_FILENAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 20:
        stem, dot, extension = name, "", ""
    tail = (dot + extension).encode("utf-8")
    head = stem.encode("utf-8")[: limits.MAX_FILENAME_BYTES - len(tail)]
    return (head.decode("utf-8", "ignore") + dot + extension).strip()


def _delivery_reports(text: str) -> list[DeliveryReport]:
    """The per-recipient groups of a delivery status part; the first group is about the message as a whole."""
    reports: list[DeliveryReport] = []
    for group in text[:100_000].split("\n\n")[: limits.MAX_ADDRESSES]:
        fields: dict[str, str] = {}
        name = ""
        for line in group.splitlines():
            if line[:1] in " \t" and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        recipient = fields.get("final-recipient") or fields.get("original-recipient", "")
        if recipient or "action" in fields:
            reports.append(
                DeliveryReport(
                    recipient=one_line(recipient.rpartition(";")[2].strip().strip("<>"), 254),
                    action=one_line(fields.get("action", "").lower(), 20),
                    status=one_line(fields.get("status", "").split(" ")[0], 20),
                    diagnostic=one_line(fields.get("diagnostic-code", ""), 500),
                )
            )
    return reports


def _assemble(blocks: list[tuple[str | None, str | None]], defects: list[str]) -> tuple[str, str]:
    """Join body blocks to one text and one HTML. HTML over a cap is left out and its text kept."""
    texts: list[str] = []
    htmls: list[str] = []
    links, depth, size, tags = 0, 0, 0, 0
    for text, html in blocks:
        if html is not None:
            # One budget for all blocks: five hundred parts cost no more than one.
            shape = read_html(html[: max(0, limits.MAX_HTML_BYTES - size)], limits.MAX_HTML_TAGS - tags)
            links, depth, size, tags = (
                links + shape.links,
                max(depth, shape.depth),
                size + len(html.encode("utf-8")),
                min(tags + shape.tags, limits.MAX_HTML_TAGS),
            )
            htmls.append(html)
            text = shape.text if text is None else text
        elif text:
            htmls.append(f"<pre>{escape(text)}</pre>")
            size += len(text)
        texts.append((text or "").strip("\n"))
    joined = "\n\n".join(one for one in texts if one.strip())
    if len(joined) > limits.MAX_TEXT_CHARS:
        defects.append("text_truncated")
    if all(html is None for _, html in blocks):
        return joined[: limits.MAX_TEXT_CHARS], ""
    over = [
        word
        for word, exceeded in (
            ("html_too_large", size > limits.MAX_HTML_BYTES),
            ("html_too_deep", depth > limits.MAX_HTML_DEPTH),
            ("too_many_links", links > limits.MAX_LINKS),
        )
        if exceeded
    ]
    defects.extend(over)
    return joined[: limits.MAX_TEXT_CHARS], "" if over else "\n<hr>\n".join(htmls)
