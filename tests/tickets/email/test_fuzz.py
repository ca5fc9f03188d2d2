"""Generated and damaged mails: the parser always ends in a mail or in a refusal, and reads the same bytes alike.

The short form runs with every test run; the long form (``make test-long``) takes 100,000 cases each.
"""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tickets.email.damage import WHOLE_MAIL, damaged
from tickets.channels.email import limits
from tickets.channels.email.classification import classify_mail, read_bounce
from tickets.channels.email.header_values import (
    clean_address,
    decode_words,
    parse_addresses,
    parse_parameters,
)
from tickets.channels.email.html_text import read_html
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.parsing import ParsedMail, parse_mail
from tickets.channels.email.quotes import fold_quotes, visible_text

SHORT = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))

CHARSETS = [
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "utf-16",
    "utf-7",
    "gb2312",
    "shift_jis",
    "x-unknown",
    "base64",
    "",
    "\x00",
]
TYPES = [
    "text/plain", "text/html", "image/png", "message/rfc822", "message/delivery-status", "text/rfc822-headers",
    "application/pdf", "text/calendar", "nonsense", "", "multipart/mixed", "text/plain; charset",
]  # fmt: skip
words = st.text(st.characters(codec="utf-8"), max_size=30)
line = st.one_of(
    words.map(lambda text: text.encode().replace(b"\n", b" ")),
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")),
    words.map(lambda text: b"=?utf-8?b?" + base64.b64encode(text.encode()) + b"?="),
    st.sampled_from(
        [b'"', b"<", b"(", b"a@[", b"=?utf-8?q?=ZZ?=", b"<a@b>", b"a@b, c@d", b";;=", b"\\", b"", b"<>"]
    ),
)
NAMES = [
    b"From", b"To", b"Cc", b"Reply-To", b"Subject", b"Date", b"Message-ID", b"References", b"In-Reply-To",
    b"Auto-Submitted", b"Precedence", b"Return-Path", b"Delivered-To", b"List-Id", b"X-Loop", b"Content-ID",
    b"X-Auto-Response-Suppress", b"", b"X\x00", b"From ",
]  # fmt: skip
header = st.tuples(st.sampled_from(NAMES), st.lists(line, max_size=4)).map(
    lambda pair: pair[0] + b": " + b"\r\n ".join(pair[1]) + b"\r\n"
)
headers = st.lists(header, max_size=6).map(b"".join)


def leaf(content_type: str, charset: str, encoding: str, name: str, body: bytes) -> bytes:
    data = base64.b64encode(body) if encoding == "base64" else body
    return (
        f'Content-Type: {content_type}; charset="{charset}"; name="{name}"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode("utf-8", "replace") + data


leaves = st.builds(
    leaf,
    st.sampled_from(TYPES),
    st.sampled_from(CHARSETS),
    st.sampled_from(["7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "", "rot13"]),
    words,
    st.one_of(
        st.binary(max_size=200),
        words.map(str.encode),
        st.sampled_from([b"<div>" * 300, b"> a\r\n" * 9, b"--b"]),
    ),
)


def multipart(kind: str, parts: list[bytes], boundary: str, closed: bool) -> bytes:
    delimiter = f"--{boundary}".encode("utf-8", "replace")
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode("utf-8", "replace")
    return head + body + (delimiter + b"--\r\n" if closed else b"")


entities = st.recursive(
    leaves,
    lambda inner: st.builds(
        multipart,
        st.sampled_from(["mixed", "alternative", "related", "report", "signed", "digest"]),
        st.lists(inner, max_size=4),
        st.sampled_from(["a", "b", "=_x y", "a--", ""]),
        st.booleans(),
    ),
    max_leaves=12,
)
mails = st.tuples(headers, entities).map(lambda pair: pair[0] + pair[1])


def check(raw: bytes) -> None:
    """Parse; whatever comes out must be storable, comparable and usable by what follows."""
    try:
        mail = parse_mail(raw)
    except MailRefused:
        return
    record, contents = mail.to_wire()
    text = json.dumps(record)
    assert "\\u0000" not in text
    text.encode()
    assert ParsedMail.from_wire(json.loads(text), contents) == parse_mail(raw)
    assert len(mail.message_id) <= limits.MAX_MESSAGE_ID_CHARS
    assert len(mail.subject) <= limits.MAX_SUBJECT_CHARS
    assert mail.sender is None or clean_address(mail.sender.address) == mail.sender.address
    assert all(len(one.filename.encode()) <= limits.MAX_FILENAME_BYTES for one in mail.attachments)
    for one in (mail.subject, mail.message_id, *(one.filename for one in mail.attachments)):
        assert one == " ".join(one.split())
    folds = list(mail.folds)
    assert visible_text(mail.text, folds) or not folds
    assert classify_mail(mail, {"support@desk.example"}).kind
    read_bounce(mail)


@SHORT
@given(mails)
def test_generated_mails(raw: bytes) -> None:
    check(raw)


@SHORT
@given(st.integers(0, 2**32))
def test_damaged_mails(seed: int) -> None:
    check(damaged(WHOLE_MAIL, seed))


@SHORT
@given(st.binary(max_size=2_000))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@SHORT
@given(st.one_of(words, line.map(lambda data: data.decode("latin-1"))))
def test_readers_of_values_take_any_text(text: str) -> None:
    parse_addresses([text])
    parse_parameters(text)
    decode_words(text)
    read_html(text)
    folds = fold_quotes(text)
    assert "".join(text[fold.start : fold.end] for fold in folds).strip() != text.strip() or not folds


@pytest.mark.long
@pytest.mark.timeout(3_600)
@LONG
@given(mails)
def test_generated_mails_long(raw: bytes) -> None:
    check(raw)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_damaged_mails_long() -> None:
    for seed in range(100_000):
        check(damaged(WHOLE_MAIL, seed))
