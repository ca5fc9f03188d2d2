"""The parser: what it reads, what it refuses, and that nothing makes it raise anything else."""

import json
from collections.abc import Callable

import pytest

from tickets.channels.email import limits
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.parsing import ParsedMail, parse_mail

HEAD = b"From: Mette Aas <mette@halden.example>\r\nSubject: Invoice\r\nMessage-ID: <1@halden.example>\r\n"


def parse(head: bytes = b"", body: bytes = b"Hello", *, base: bytes = HEAD) -> ParsedMail:
    return parse_mail(base + head + b"\r\n" + body)


def test_reads_what_a_plain_mail_says() -> None:
    mail = parse(
        b"To: Support <support@desk.example>, =?utf-8?q?J=C3=BCrgen?= <j@halden.example>\r\n"
        b"Cc: undisclosed: a@x.example, b@x.example;\r\n"
        b"In-Reply-To: <0@desk.example>\r\nReferences: <00@x.example>\r\n <0@desk.example>\r\n"
        b"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n",
        b"We were charged twice.\r\n",
    )
    assert mail.sender is not None
    assert (mail.sender.name, mail.sender.address) == ("Mette Aas", "mette@halden.example")
    assert [one.name for one in mail.to] == ["Support", "Jürgen"]
    assert [one.address for one in mail.cc] == ["a@x.example", "b@x.example"]
    assert mail.message_id == "<1@halden.example>"
    assert mail.references == ("<00@x.example>", "<0@desk.example>")
    assert mail.sent_at == "2026-03-02T09:00:00+00:00"
    assert mail.text == "We were charged twice."
    assert mail.defects == ()


def test_alternative_is_one_body_and_files_keep_their_bytes() -> None:
    pdf = bytes(range(256)) * 3
    import base64

    mail = parse(
        b'Content-Type: multipart/mixed; boundary="o"\r\n',
        b"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
        b"--i\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
        b"--i\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Gr\xc3\xbc\xc3\x9fe</p>\r\n--i--\r\n"
        b"--o\r\nContent-Type: application/pdf; name*0*=utf-8''Rechnung%20; name*1*=M%C3%A4rz.pdf\r\n"
        b"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(pdf)
        + b"--o\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n"
        b"--o--\r\n",
    )
    assert mail.text == "Grüße"
    assert mail.html == "<p>Grüße</p>"
    file, image = mail.attachments
    assert (file.filename, file.content, file.inline) == ("Rechnung März.pdf", pdf, False)
    assert (image.content_id, image.inline, image.content) == ("logo@x", True, b"\x89PNG\r\n")


def test_html_alone_gives_text_to_read() -> None:
    mail = parse(
        b"Content-Type: text/html; charset=utf-8\r\n",
        b"<html><head><title>T</title><style>p{}</style></head><body><p>Dear&nbsp;team,</p><div>one<br>two</div>"
        b"<ul><li>a<li>b</ul><script>alert(1)</script><blockquote>before</blockquote></body>",
    )
    assert mail.text == "Dear team,\n\none\ntwo\n\n- a\n- b\n\n> before"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"..\\\\..\\\\evil.exe", "evil.exe"),
        ("\u200b.htaccess".encode(), "htaccess"),
        ("invoice\u202efdp.exe".encode(), "invoicefdp.exe"),
        (b"a\x00b.txt", "a b.txt"),
        (b"trailing. . ", "trailing"),
        (b"x" * 300 + b".pdf", "x" * 251 + ".pdf"),
        (b"...", "attachment-1.bin"),
    ],
)
def test_file_names_are_harmless_for_display(name: bytes, shown: str) -> None:
    mail = parse(
        b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="'
        + name
        + b'"\r\n'
    )
    assert mail.attachments[0].filename == shown
    assert len(shown.encode()) <= limits.MAX_FILENAME_BYTES


@pytest.mark.parametrize(
    "value",
    [
        b"a@[",
        b"a@example.com, b@example.com",
        b"alice@example.org(<bob@example.com>",
        b'"open <a@example.com>',
        b"<a@example.com",
        b"nobody",
        b"",
        b"a@b@c.example",
        b"a@.example",
    ],
)
def test_a_sender_is_exactly_one_mailbox(value: bytes) -> None:
    mail = parse(base=b"From: " + value + b"\r\n")
    assert mail.sender is None
    assert {"from_missing", "from_not_one_mailbox"} & set(mail.defects)


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        (b"Doe, John <john@x.example>", "Doe John", "john@x.example"),
        (b'"Doe, John" <john@X.Example>', "Doe, John", "john@x.example"),
        (b"john@x.example (John Doe)", "John Doe", "john@x.example"),
        (b"bob@y.example <john@x.example>", "bob@y.example", "john@x.example"),
        (b"=?iso-8859-1?Q?J=F6rg?= =?iso-8859-1?Q?_M?= <j@x.example>", "Jörg M", "j@x.example"),
        ("Jörg <j@müller.example>".encode(), "Jörg", "j@müller.example"),
        (b'<"john smith"@x.example>', "", '"john smith"@x.example'),
        (b"<@relay.example:john@x.example>", "", "john@x.example"),
    ],
)
def test_senders_as_mailers_write_them(value: bytes, name: str, address: str) -> None:
    mail = parse(base=b"From: " + value + b"\r\n")
    assert mail.sender is not None
    assert (mail.sender.name, mail.sender.address) == (name, address)


def test_two_from_headers_are_no_sender() -> None:
    assert parse(b"From: other@x.example\r\n").sender is None


def nested(levels: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
    )
    return HEAD + opening + b"\r\nhi"


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "520 kB subject of encoded words": (
        "header_too_long",
        lambda: b"Subject: " + b"=?utf-8?q?aaaa?= " * 30_600 + b"\r\n\r\nhi",
    ),
    "300,000 short headers": (
        "too_many_header_lines",
        lambda: HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(300_000)) + b"\r\nhi",
    ),
    "100,000 empty parts": (
        "too_many_parts",
        lambda: HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
    ),
    "a hundred parts in each other": ("too_deep", lambda: nested(100)),
    "300 kB of headers": (
        "headers_too_large",
        lambda: HEAD + (b"X: " + b"a" * 60_000 + b"\r\n") * 5 + b"\r\nhi",
    ),
    "201 recipients": (
        "too_many_addresses",
        lambda: HEAD + b"To: " + b",\r\n ".join(b"a%d@x.example" % n for n in range(201)) + b"\r\n\r\nhi",
    ),
    "36 MB": ("message_too_large", lambda: HEAD + b"\r\n" + b"a" * (36 * 1024 * 1024)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_caps_refuse_with_a_word(case: str) -> None:
    code, build = REFUSED[case]
    with pytest.raises(MailRefused) as refusal:
        parse_mail(build())
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "head",
    [
        b'To: "\r\n',
        b"To: " + b"(" * 60_000 + b"\r\n",
        b"To: " + b'"@' * 30_000 + b"\r\n",
        b"Cc: " + b"<" * 60_000 + b"\r\n",
        b"References: " + b"<a" * 30_000 + b"\r\n",
        b"Subject: " + b"=?utf-8?q?a?= " * 4_000 + b"\r\n",
        b"Subject: =?utf-7?b?+++?= =?utf-16?b?2AA=?= =?x?q?=ZZ?=\r\n",
        b"Date: Mon, 99 Foo 99999999999999 99:99:99 +99999999999\r\n",
        b"Content-Type: " + b';"' * 30_000 + b"\r\n",
        b"Content-Type: text/plain; charset=x-nobody-knows\r\n",
        b"Content-Type: text/plain; charset=zlib_codec\r\n",
        b'Content-Type: multipart/mixed; boundary="' + b"b" * 60_000 + b'"\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: x-nonsense\r\n",
    ],
)
def test_odd_headers_leave_a_readable_mail(head: bytes) -> None:
    mail = parse(head, "Hällo \xff\x00".encode("latin-1"))
    assert mail.sender is not None
    assert "\x00" not in mail.text


def test_an_open_message_id_is_none() -> None:
    assert parse(base=b"From: a@x.example\r\nMessage-ID: <\r\n").message_id == ""


@pytest.mark.parametrize(
    ("html", "defect"),
    [
        (b"<div>" * 50_000, "html_too_deep"),
        (b"<a href='http://x.example'>x</a>" * 6_000, "too_many_links"),
        (b"<p>word</p>" * 200_000, "html_too_large"),
    ],
)
def test_html_over_a_cap_is_left_out_and_its_text_kept(html: bytes, defect: str) -> None:
    mail = parse(b"Content-Type: text/html\r\n", b"<p>Dear team</p>" + html)
    assert defect in mail.defects
    assert mail.html == ""
    assert mail.text.startswith("Dear team")


def test_crosses_the_process_border_unchanged() -> None:
    mail = parse(
        b"Content-Type: multipart/mixed; boundary=b\r\nPrecedence: bulk\r\n",
        b"--b\r\n\r\nHi\r\n\r\nOn 2 March 2026 Priya wrote:\r\n> Hello\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--",
    )
    record, contents = mail.to_wire()
    assert ParsedMail.from_wire(json.loads(json.dumps(record)), contents) == mail
    assert mail.folds


def test_a_bounce_carries_its_report() -> None:
    mail = parse(
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        b"--b\r\n\r\nSorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.x.example\r\n\r\n"
        b"Final-Recipient: rfc822; gone@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 no\r\n such user\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Message-Id: <sent@desk.example>\r\nSubject: Re: x\r\n\r\nbody Message-ID: <other@x>\r\n--b--\r\n",
    )
    [report] = mail.delivery_reports
    assert (report.recipient, report.action, report.status) == ("gone@x.example", "failed", "5.1.1")
    assert report.diagnostic == "smtp; 550 no such user"
    assert mail.bounced_message_ids == ("<sent@desk.example>",)
