"""Outgoing mail: it threads, says who it is for and nobody else, and survives hostile names."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.mail import get_connection

from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.outgoing import (
    OutgoingFile,
    OutgoingMail,
    UnsafeHeader,
    build_mail,
    reply_subject,
    thread_references,
)
from tickets.channels.email.parsing import parse_mail


def outgoing(**changes: Any) -> OutgoingMail:
    values: dict[str, Any] = {
        "message_id": "<csops.ab.1.aaaaaaaaaaaaaaaa@desk.example>",
        "sender": MailAddress("Desk, Support", "support@desk.example"),
        "to": [MailAddress("Mette Aas", "mette@halden.example")],
        "subject": "Re: Invoice",
        "text": "Hello Mette,\nsee https://desk.example/a?b=1&c=2 <now>",
        "sent_at": datetime(2026, 3, 2, 10, tzinfo=UTC),
    }
    return OutgoingMail(**{**values, **changes})


def sent(**changes: Any) -> EmailMessage:
    raw = build_mail(outgoing(**changes)).message().as_bytes()
    return cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))


def test_headers_thread_and_name_the_people() -> None:
    mail = sent(
        cc=[MailAddress("Jürgen", "j@halden.example")],
        reply_to="support+r-ab-cccccccccccccccc@desk.example",
        in_reply_to="<2@x>",
        references=["<1@x>", "<2@x>"],
    )
    assert mail["Message-ID"] == "<csops.ab.1.aaaaaaaaaaaaaaaa@desk.example>"
    assert mail["In-Reply-To"] == "<2@x>"
    assert mail["References"] == "<1@x> <2@x>"
    assert mail["From"] == '"Desk, Support" <support@desk.example>'
    assert mail["Reply-To"] == "support+r-ab-cccccccccccccccc@desk.example"
    assert mail["Cc"] == "Jürgen <j@halden.example>"
    assert mail["Auto-Submitted"] is None


def test_text_and_its_html_twin() -> None:
    mail = sent()
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "Hello Mette,\nsee https://desk.example/a?b=1&c=2 <now>"
    assert '<a href="https://desk.example/a?b=1&amp;c=2" rel="nofollow">' in html.get_content()
    assert "&lt;now&gt;" in html.get_content()


def test_files_arrive_as_stored() -> None:
    content = bytes(range(256)) + b"\r\n\n\r"
    raw = build_mail(
        outgoing(
            files=[
                OutgoingFile("Bericht März.txt", "text/plain", content),
                OutgoingFile("a/b", "no type", b"x"),
            ]
        )
    )
    mail = parse_mail(raw.message().as_bytes())
    assert [(one.filename, one.content) for one in mail.attachments] == [
        ("Bericht März.txt", content),
        ("a_b", b"x"),
    ]


BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00"]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("place", ["subject", "sender", "to", "cc", "message_id", "extra"])
def test_no_value_breaks_out_of_its_header(place: str, line_break: str) -> None:
    hostile = f"x{line_break}Bcc: evil@x.example"
    mailbox = MailAddress(hostile, "a@x.example")
    changes: dict[str, Any] = {
        "subject": {"subject": hostile},
        "sender": {"sender": mailbox},
        "to": {"to": [mailbox]},
        "cc": {"cc": [MailAddress("x", f"a{line_break}@x.example")]},
        "message_id": {"message_id": f"<1@x>{line_break}Bcc: evil@x.example"},
        "extra": {"extra_headers": {"List-Unsubscribe": hostile}},
    }[place]
    with pytest.raises(UnsafeHeader):
        build_mail(outgoing(**changes))


@pytest.mark.parametrize(
    "name",
    [
        "a, b <evil@x.example>",
        '"',
        "a\\",
        "<evil@x.example>",
        "evil@x.example,",
        "a;b:c",
        "=?utf-8?q?x=0ABcc:?=",
        "Ä, Ö <ü>",
    ],
)
def test_a_name_adds_no_recipient(name: str) -> None:
    message = build_mail(outgoing(to=[MailAddress(name, "mette@halden.example")]))
    parsed = parse_mail(message.message().as_bytes())
    assert [one.address for one in parsed.to] == ["mette@halden.example"]
    mail = email.message_from_bytes(message.message().as_bytes(), policy=email.policy.default)
    assert [one.addr_spec for one in mail["To"].addresses] == ["mette@halden.example"]
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    "address", ["a@x.example, b@x.example", "a@x.example b@x.example", "a", "", "a@x.example>"]
)
def test_an_address_is_one_mailbox(address: str) -> None:
    with pytest.raises(UnsafeHeader):
        build_mail(outgoing(to=[MailAddress("", address)]))


def test_references_drop_what_is_no_id_and_stay_short() -> None:
    assert thread_references(["<1@x>", "no id", "<1@x>", "<a\n@x>", "<2@x>"]) == ["<1@x>", "<2@x>"]
    chain = [f"<{number}@x>" for number in range(100)]
    short = thread_references(chain)
    assert (short[0], short[-1], len(short)) == ("<0@x>", "<99@x>", 30)


def test_automatic_mail_asks_not_to_be_answered() -> None:
    mail = sent(automatic="auto-replied")
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Precedence"] == "bulk"


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("Invoice", "Re: Invoice"),
        ("RE: Aw: Invoice", "Re: Invoice"),
        ("", "Re:"),
        ("a\r\nBcc: x", "Re: a Bcc: x"),
    ],
)
def test_reply_subjects(subject: str, reply: str) -> None:
    assert reply_subject(subject) == reply


def test_the_file_outbox_holds_a_mail_once(tmp_path: Path) -> None:
    connection = get_connection(
        "tickets.channels.email.backends.FileOutboxBackend", file_path=str(tmp_path / "outbox")
    )
    for _ in range(2):
        assert connection.send_messages([build_mail(outgoing())]) == 1
    connection.send_messages([build_mail(outgoing(message_id="<../../2@desk.example>"))])
    files = sorted((tmp_path / "outbox").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {parse_mail(file.read_bytes()).subject for file in files} == {"Re: Invoice"}
