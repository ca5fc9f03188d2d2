"""The child process: it is reused, killed when a mail takes too long, and replaced."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tickets.channels.email import limits
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.parser_process import ParserProcess

MAIL = b"From: a@x.example\r\nSubject: hi\r\n\r\n"


@pytest.fixture
def stuck() -> Iterator[ParserProcess]:
    process = ParserProcess(timeout_seconds=2, module="tests.tickets.email.stuck_parser")
    yield process
    process.close()


@pytest.fixture
def process() -> Iterator[ParserProcess]:
    process = ParserProcess()
    yield process
    process.close()


def test_mails_and_files_come_back_whole(process: ParserProcess) -> None:
    big = os.urandom(3_000_000)
    raw = (
        b"From: a@x.example\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + big
    )
    assert process.parse(raw).attachments[0].content == big
    assert process.parse(MAIL + b"next").text == "next"


def test_a_mail_that_hangs_costs_its_own_time_only(stuck: ParserProcess) -> None:
    assert stuck.parse(MAIL + b"one").text == "one"
    with pytest.raises(MailRefused) as refusal:
        stuck.parse(MAIL + b"please hang")
    assert refusal.value.code == "parse_timeout"
    assert stuck.parse(MAIL + b"two").text == "two"


def test_a_mail_that_kills_the_parser_is_refused(stuck: ParserProcess) -> None:
    with pytest.raises(MailRefused) as refusal:
        stuck.parse(MAIL + b"please die")
    assert refusal.value.code == "parser_died"
    assert stuck.parse(MAIL + b"two").text == "two"


def test_refusals_cross_the_border(process: ParserProcess) -> None:
    with pytest.raises(MailRefused) as refusal:
        process.parse(b"From: a@x.example\r\n" + b"X: y\r\n" * 600)
    assert refusal.value.code == "too_many_header_lines"
    with pytest.raises(MailRefused) as refusal:
        process.parse(b"a" * (limits.MAX_MESSAGE_BYTES + 1))
    assert refusal.value.code == "message_too_large"


def test_the_largest_mail_fits_into_the_memory_cap(process: ParserProcess) -> None:
    body = b"<b>\xfc\xfc</b><br>" * (limits.MAX_MESSAGE_BYTES // 20)
    mail = process.parse(b"From: a@x.example\r\nContent-Type: text/html\r\n\r\n" + body)
    assert "html_too_large" in mail.defects
    assert mail.text


def test_the_child_loads_no_django_and_sees_no_secret() -> None:
    code = (
        "import sys, tickets.channels.email.parse_child; "
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'torch', 'celery')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
