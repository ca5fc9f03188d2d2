"""What mails carry besides text: winmail.dat, invitations, what servers say about the sender, mails that are passed on."""

import struct
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from people.models import User
from tests.tickets.email.damage import INVITATION
from tests.tickets.email.mails import mail_of, take
from tickets.channels.email.authentication import read_results, trusted_result
from tickets.channels.email.forwarded import read_forward
from tickets.channels.email.invitations import read_invitations
from tickets.channels.email.mail_facts import invitation_cards
from tickets.channels.email.parsing import ParsedMail, parse_mail
from tickets.channels.email.tnef import open_tnef
from tickets.models import Inbox, MailLedger

FORWARDED = (
    "Please take this.\n\n{mark}From: Ada Berg <ada@kunde.example>\nDate: Mon, 2 Mar 2026 at 10:00\n"
    "Subject: Broken export\nTo: <sales@desk.example>\n\nMy export fails."
)
GMAIL = "---------- Forwarded message ---------\n"


def tnef(*objects: tuple[int, int, int, bytes]) -> bytes:
    """A TNEF container of (level, name, type, data)."""
    packed = struct.pack("<IH", 0x223E9F78, 1)
    for level, name, kind, data in objects:
        packed += struct.pack("<BHHI", level, name, kind, len(data)) + data
        packed += struct.pack("<H", sum(data) & 0xFFFF)
    return packed


WINMAIL = tnef(
    (1, 0x9006, 8, struct.pack("<I", 0x10000)),
    (1, 0x9007, 6, struct.pack("<II", 1252, 0)),
    (1, 0x800C, 2, b"Please see the file.\x00"),
    (2, 0x9002, 6, b"\x00" * 14),
    (2, 0x8010, 1, b"report.pdf\x00"),
    (2, 0x800F, 6, b"%PDF-1.4 hello"),
)


def with_winmail(content: bytes, text: str = "") -> ParsedMail:
    head = b'From: a@x.example\r\nContent-Type: multipart/mixed; boundary="w"\r\n\r\n--w\r\n\r\n'
    body = text.encode() + b'\r\n--w\r\nContent-Type: application/ms-tnef; name="winmail.dat"\r\n'
    return parse_mail(head + body + b"Content-Transfer-Encoding: binary\r\n\r\n" + content + b"\r\n--w--\r\n")


def test_winmail_gives_its_files_and_the_text_that_the_mail_lacks() -> None:
    mail = with_winmail(WINMAIL)
    assert mail.text == "Please see the file."
    assert [(one.filename, one.content_type, one.content) for one in mail.attachments] == [
        ("winmail.dat", "application/ms-tnef", WINMAIL),
        ("report.pdf", "application/pdf", b"%PDF-1.4 hello"),
    ]
    assert with_winmail(WINMAIL, text="Own words").text == "Own words"


def test_a_damaged_winmail_stays_a_file() -> None:
    mail = with_winmail(b"\x78\x9f\x3e\x22 nonsense")
    assert [one.filename for one in mail.attachments] == ["winmail.dat"]
    assert with_winmail(b"no container").defects.count("damaged_winmail") == 1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(WINMAIL)), st.integers(0, 40))
def test_readers_take_any_bytes(noise: bytes, place: int, removed: int) -> None:
    open_tnef(WINMAIL[:place] + noise + WINMAIL[place + removed :])
    position = place % len(INVITATION)
    read_invitations(INVITATION[:position] + noise + INVITATION[position + removed :])
    read_invitations(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + noise + b"\r\nEND:VEVENT\r\nEND:VCALENDAR")
    read_results([noise.decode("latin-1"), "mx.example; dmarc=" + noise.decode("latin-1")])
    read_forward("Fwd: x", noise.decode("latin-1") + FORWARDED.format(mark=GMAIL)[place:])


def test_an_invitation_becomes_a_card_and_stays_a_file() -> None:
    mail = parse_mail(INVITATION)
    [one] = mail.invitations
    assert (one.method, one.title, one.starts, one.ends) == (
        "REQUEST",
        "Contract review",
        "2026-03-02T09:00+00:00",
        "2026-03-02T10:00+00:00",
    )
    assert (one.place, one.organiser_address, one.repeats) == ("Room 4", "mette@halden.example", True)
    assert [file.filename for file in mail.attachments] == ["attachment-1.ics"]
    facts = {"invitations": [{"method": "CANCEL", "title": "", "starts": "2026-03-02", "ends": ""}]}
    [card] = invitation_cards(facts)
    assert (card.heading, card.title) == ("Cancelled", "Without a title")
    assert "2026" in card.when


def test_only_the_server_that_we_name_is_believed() -> None:
    results = read_results(
        [
            "mx.desk.example; spf=fail smtp.mailfrom=a@x.example; dkim=pass header.d=x.example; dmarc=fail",
            "evil.example; dmarc=pass",
            "; damaged ((",
        ]
    )
    assert trusted_result(results, "") is None
    ours = trusted_result(results, "MX.desk.example")
    assert ours is not None
    assert (ours.spf, ours.dkim, ours.dmarc, ours.verdict_on("a@x.example")) == (
        "fail",
        "pass",
        "fail",
        "fail",
    )


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("none", "unknown"),
        ("spf=softfail", "fail"),
        ("dmarc=pass header.from=halden.example", "pass"),
        ("dkim=pass header.d=halden.example", "pass"),
        ("dkim=pass header.i=@Halden.example header.s=k1", "pass"),
        ("dkim=pass header.d=mail.halden.example", "pass"),
        ("spf=pass smtp.mailfrom=bounce@halden.example", "pass"),
        ("spf=pass smtp.mailfrom=halden.example; dkim=fail header.d=other.example", "pass"),
        # Whoever writes signs for a domain of his or her own.
        ("dkim=pass header.d=evil.example", "unknown"),
        ("dkim=pass header.d=evilhalden.example", "unknown"),
        ("dkim=pass header.d=example", "unknown"),
        ("dkim=pass header.d=evil.example header.i=@halden.example", "unknown"),
        ("spf=pass smtp.mailfrom=bounce@evil.example smtp.helo=halden.example", "unknown"),
        ("spf=pass", "unknown"),
        ("spf=fail smtp.mailfrom=halden.example; dkim=pass header.d=evil.example", "fail"),
        ("dkim=fail header.d=halden.example; dkim=pass header.d=evil.example", "unknown"),
    ],
)
def test_a_pass_counts_for_the_domain_of_the_sender(said: str, verdict: str) -> None:
    [result] = read_results([f"mx; {said}"])
    assert result.verdict_on("mette@halden.example") == verdict


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Fwd: Broken export", FORWARDED.format(mark=GMAIL)),
        ("whatever", FORWARDED.format(mark=GMAIL)),
        ("FW: Broken export", FORWARDED.format(mark="")),
        (
            "WG: Broken export",
            "Bitte.\n\nVon: Ada Berg <ada@kunde.example>\nGesendet: Montag, 2. März 2026 10:00\n"
            "An: Vertrieb\nBetreff: Broken export\n\nHallo",
        ),
        (
            "TR: Broken export",
            "De : Ada Berg [mailto:ada@kunde.example]\nEnvoyé : lundi 2 mars 2026 10:00\nÀ : Ventes\n"
            "Objet : Broken export\n\nBonjour",
        ),
        (
            "Fwd: Broken export",
            "Begin forwarded message:\n\n> From: Ada Berg <ada@kunde.example>\n> Subject: Broken export\n"
            "> Date: 2 March 2026\n> To: sales@desk.example\n>\n> Hi",
        ),
        (
            "Fwd: Broken export",
            "-------- Weitergeleitete Nachricht --------\nBetreff: Broken export\n"
            "Datum: Mon, 2 Mar 2026 10:00:00 +0100\nVon: Ada Berg\n <ada@kunde.example>\nAn: x@y.example\n\nHi",
        ),
    ],
)
def test_the_customer_of_a_mail_that_is_passed_on(subject: str, text: str) -> None:
    found = read_forward(subject, text)
    assert found is not None
    assert (found.sender.name, found.sender.address) == ("Ada Berg", "ada@kunde.example")
    assert found.subject == "Broken export"


def test_an_answer_is_no_forward() -> None:
    assert read_forward("Re: Broken export", FORWARDED.format(mark="")) is None
    assert read_forward("Fwd: see the file", "Nothing else.") is None


@pytest.mark.django_db
def test_a_colleague_passes_a_mail_on(inbox: Inbox, agent: User, login: Callable[[User], Client]) -> None:
    inbox.config = {"authserv_id": "mx.desk.example"}
    inbox.save()
    body, domain = FORWARDED.format(mark=GMAIL), agent.email.rpartition("@")[2]

    def passed_on(number: int, result: str, sender: str = agent.email, **headers: str) -> MailLedger:
        raw = mail_of(
            sender=sender, subject="Fwd: Broken export", body=body, Message_ID=f"<{number}@x.example>",
            Authentication_Results=f"mx.desk.example; {result}", **headers,
        )  # fmt: skip
        return take(raw, inbox)

    row = passed_on(1, f"dmarc=pass header.from={domain}")
    assert row.ticket is not None
    assert row.ticket.contact.email == "ada@kunde.example"
    assert row.message is not None
    assert row.message.facts["forwarded_by"]["user"] == agent.pk
    page = login(agent).get(f"/inbox/{row.ticket.pk}/")
    assert f"Forwarded by {agent.name}" in page.content.decode()
    # A stranger speaks for nobody else, and nobody does for whom our server does not vouch.
    for number, sender, result in (
        (2, "mette@halden.example", "dmarc=pass header.from=halden.example"),
        (3, agent.email, "spf=pass smtp.mailfrom=x@evil.example; dkim=pass header.d=evil.example"),
        (4, agent.email, "none"),
    ):
        own = passed_on(number, result, sender)
        assert own.ticket is not None
        assert own.ticket.contact.email == sender
    # Neither does a form of ours for whom somebody has entered as the sender.
    form = passed_on(5, "dmarc=pass header.from=desk.example", inbox.address, Reply_To=agent.email)
    assert form.ticket is not None
    assert form.ticket.contact.email == agent.email
    forged = passed_on(6, f"dmarc=fail header.from={domain}")
    assert forged.ticket is not None
    assert forged.ticket.contact.email == agent.email
    shown = login(agent).get(f"/inbox/{forged.ticket.pk}/").content.decode()
    assert "Perhaps not from this sender" in shown
    # Without a server that checks, anybody could be anybody.
    inbox.config = {}
    inbox.save()
    unchecked = passed_on(7, f"dmarc=pass header.from={domain}")
    assert unchecked.ticket is not None
    assert unchecked.ticket.contact.email == agent.email


@pytest.mark.django_db
def test_the_card_is_in_the_conversation(inbox: Inbox, agent: User, login: Callable[[User], Client]) -> None:
    row = take(INVITATION, inbox)
    assert row.ticket is not None
    shown = login(agent).get(f"/inbox/{row.ticket.pk}/").content.decode()
    assert "Contract review" in shown
    assert "Room 4" in shown
    assert "attachment-1.ics" in shown
    assert row.message is not None
    headers = login(agent).get(f"/inbox/{row.ticket.pk}/messages/{row.message.pk}/headers/")
    assert "Sender not checked" in headers.content.decode()
