"""Person or machine: the markers that count, and those that only look as if they did."""

import pytest

from tickets.channels.email.classification import classify_mail, read_bounce
from tickets.channels.email.parsing import parse_mail


def kind_of(head: bytes, body: bytes = b"Hello", sender: bytes = b"mette@halden.example") -> str:
    return classify_mail(
        parse_mail(b"From: " + sender + b"\r\n" + head + b"\r\n" + body), {"support@desk.example"}
    ).kind


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: Invoice\r\n",
        b"Auto-Submitted: no\r\n",
        # What Outlook writes into everything that people send.
        b"X-Auto-Response-Suppress: DR, RN, NRN, OOF\r\n",
        b"X-Auto-Response-Suppress: All\r\n",
        b"X-Auto-Response-Suppress: AutoReply\r\n",
        b"Precedence: normal\r\n",
        b"Return-Path: <mette@halden.example>\r\n",
        b"X-Spam-Status: No, score=-1.2 required=5.0\r\n",
        b"Subject: Out of office printer is broken\r\n",
        b"Subject: Delivery has failed: parcel not arrived\r\n",
    ],
)
def test_people(head: bytes) -> None:
    assert kind_of(head) == "person"


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-generated\r\n",
        b"Precedence: bulk\r\n",
        b"Precedence: list\r\n",
        b"List-Id: <news.x.example>\r\n",
        b"List-Unsubscribe: <https://x.example/u>\r\n",
        b"X-Loop: x\r\n",
        b"Return-Path: <>\r\n",
    ],
)
def test_machines_that_may_open_a_ticket_and_are_never_answered(head: bytes) -> None:
    mail = parse_mail(b"From: alerts@x.example\r\n" + head + b"\r\nDisk is full")
    kind = classify_mail(mail)
    assert kind.kind == "automatic"
    assert not kind.may_be_answered


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-replied\r\n",
        b"Auto-Submitted: auto-replied (vacation)\r\nX-Auto-Response-Suppress: All\r\n",
        b"X-Autoreply: yes\r\n",
        b"X-Autorespond: x\r\n",
        b"Precedence: auto_reply\r\n",
        b"Subject: Out of Office: Re: Invoice\r\nReturn-Path: <>\r\n",
        b"Subject: Automatische Antwort: Rechnung\r\nPrecedence: bulk\r\nIn-Reply-To: <1@desk.example>\r\n",
    ],
)
def test_automatic_replies(head: bytes) -> None:
    assert kind_of(head) == "auto_reply"


def test_spam_by_the_filter_in_front_of_us() -> None:
    assert kind_of(b"X-Spam-Flag: YES\r\n") == "spam"
    assert kind_of(b"X-Spam-Status: Yes, hits=12.1 required=5.0\r\n") == "spam"


def test_mail_from_our_own_address_is_never_answered() -> None:
    assert kind_of(b"", sender=b"Support@desk.example") == "automatic"


REPORT = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
    b"Final-Recipient: rfc822; gone@x.example\r\nAction: %s\r\nStatus: %s\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID:\r\n <sent@desk.example>\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("action", "status", "permanent"), [(b"failed", b"5.1.1", True), (b"delayed", b"4.4.1", False)]
)
def test_a_standard_bounce_names_the_mail_it_is_about(action: bytes, status: bytes, permanent: bool) -> None:
    mail = parse_mail(b"From: MAILER-DAEMON (Mail system)\r\n" + REPORT % (action, status))
    assert classify_mail(mail).kind == "bounce"
    report = read_bounce(mail)
    assert report.original_message_ids == ("<sent@desk.example>",)
    assert report.recipients == ("gone@x.example",)
    assert (report.status, report.permanent) == (status.decode(), permanent)


def test_a_bounce_in_plain_words() -> None:
    mail = parse_mail(
        b"From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nSubject: Mail delivery failed\r\n\r\n"
        b"This is a copy of your message:\r\n\r\nMessage-ID: <sent@desk.example>\r\nSubject: Re: x\r\n"
    )
    assert classify_mail(mail).kind == "bounce"
    assert read_bounce(mail).original_message_ids == ("<sent@desk.example>",)
