"""Freshdesk, Zammad and mails of the past, by their samples."""

import base64
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from core.job_runner import run_jobs
from core.models import Job
from customers.models import Account
from imports.importers import mails as mail_importer
from imports.models import Import
from imports.services import read_files
from imports.services.undo_import import undo_import
from people.models import User
from people.viewer import system_viewer
from tests.imports.conftest import DUMPS, zipped
from tickets.channels.email.parser_process import parse_in_child
from tickets.models import Inbox, MailLedger, Message, Ticket
from tickets.services.receive_message import IncomingMessage, receive_message

Upload = Callable[..., Import]
Finish = Callable[[Import], Import]


def test_freshdesk_comes_in(upload: Upload, finish: Finish, agent: User) -> None:
    files = {"dump.zip": zipped(DUMPS / "freshdesk", **{"attachments/4/screen.png": b"png"})}
    run = finish(upload("freshdesk", files))
    assert run.counts["ticket"] == {"created": 2}, list(
        run.rows.exclude(error="").values_list("error", flat=True)
    )
    solved = Ticket.objects.get(number=20)
    assert (solved.status_id, solved.priority, solved.contact.email) == (
        "closed",
        "high",
        "lena@brightway.example",
    )
    assert solved.account is not None
    assert solved.account.name == "Brightway Freight"
    assert [
        (one.kind, one.author and one.author.email) for one in solved.messages.order_by("created_at")
    ] == [
        ("inbound", None),
        ("note", "priya.agent@desk.example"),
        ("outbound", "priya.agent@desk.example"),
    ]
    assert solved.messages.get(kind="outbound").attachments.get().name == "screen.png"
    assert solved.messages.get(kind="inbound").body_html == "<div>Where is my parcel?</div>"
    assert {row.field.label: row.text for row in solved.field_values.select_related("field")} == {
        "cf_region": "North"
    }
    assert [copy.contact.email for copy in solved.carbon_copies.all()] == ["boss@brightway.example"]
    waiting = Ticket.objects.get(number=21)
    assert (waiting.status_id, waiting.waiting_since is not None) == ("waiting", True)
    assert waiting.contact.name == "Dario Conti"


def test_zammad_comes_in_with_files_in_its_articles(upload: Upload, finish: Finish, agent: User) -> None:
    article = {
        "id": 3, "ticket_id": 1, "sender": "Agent", "content_type": "text/html", "body": "<p>See the <b>file</b></p>",
        "internal": False, "created_by_id": 3, "created_at": "2024-02-01T12:00:00.000Z", "message_id": "<out.1@desk.example>",
        "attachments": [
            {"id": 9, "filename": "guide.pdf", "data": base64.b64encode(b"%PDF").decode(), "mime-type": "application/pdf"},
            {"id": 10, "filename": "bad.bin", "data": "***"},
        ],
    }  # fmt: skip
    run = finish(
        upload(
            "zammad",
            {"d.zip": zipped(DUMPS / "zammad", **{"more_articles.json": json.dumps([article]).encode()})},
        )
    )
    assert run.counts["ticket"] == {"created": 1}, list(
        run.rows.exclude(error="").values_list("error", flat=True)
    )
    ticket = Ticket.objects.get(number=65001)
    assert (ticket.subject, ticket.status_id, ticket.priority) == ("Printer on fire", "closed", "high")
    assert ticket.closed_at == datetime(2024, 2, 2, 9, tzinfo=UTC)
    answer = ticket.messages.get(kind="outbound")
    assert (answer.body_text, answer.author) == ("See the file", agent)
    assert [file.name for file in answer.attachments.all()] == ["guide.pdf"]
    assert "bad.bin: its data is not base64" in run.rows.get(kind="message", external_id="3").error
    assert answer.external_id == "<out.1@desk.example>"
    assert ticket.account is not None
    assert ticket.account.name == "Copperfield Labs"


# --- mails ------------------------------------------------------------------------------------------------------------


def mail(number: str, sender: str, to: str, subject: str, day: int, text: str, *refers: str) -> bytes:
    """One mail."""
    heads = [
        f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{number}@mail.example>",
        f"Date: Fri, {day:02} Mar 2024 10:00:00 +0000", "Content-Type: text/plain; charset=utf-8",
    ]  # fmt: skip
    if refers:
        heads.append("References: " + " ".join(f"<{one}@mail.example>" for one in refers))
    return ("\r\n".join([*heads, "", text, ""])).encode()


@pytest.fixture
def mails() -> list[bytes]:
    """A conversation with an answer of a colleague, and a mail of somebody else."""
    ask = mail(
        "ask", "Mette Aas <mette@halden.example>", "support@desk.example", "Invoice", 1, "Where is it?"
    )
    answer = mail(
        "answer", "Priya <priya.agent@desk.example>", "mette@halden.example", "Re: Invoice", 2, "Here.", "ask"
    )
    thanks = mail(
        "thanks", "mette@halden.example", "support@desk.example", "Re: Invoice", 3, "Thanks!", "ask", "answer"
    )
    other = mail("other", "bo@elsewhere.example", "support@desk.example", "Hello", 4, "Hi")
    return [thanks, other, ask, answer]


def mbox(mails: list[bytes]) -> bytes:
    """The mails as an mbox."""
    return b"".join(
        b"From x@y.example Fri Mar 01 10:00:00 2024\n" + one.replace(b"\r\n", b"\n") + b"\n" for one in mails
    )


def check_threads(agent: User) -> None:
    """The conversation is one ticket, whatever the order of the mails was."""
    ticket = Ticket.objects.get(subject="Invoice")
    said = list(ticket.messages.order_by("created_at"))
    assert [(one.kind, one.body_text.strip()) for one in said] == [
        ("inbound", "Where is it?"),
        ("outbound", "Here."),
        ("inbound", "Thanks!"),
    ]
    assert said[1].author == agent
    assert (ticket.contact.email, ticket.status_id) == ("mette@halden.example", "closed")
    assert Ticket.objects.count() == 2
    assert MailLedger.objects.filter(ticket=ticket).count() == 3


def test_an_mbox_becomes_conversations_once(
    upload: Upload, finish: Finish, mails: list[bytes], agent: User, pump: Any, admin: User, work: Any
) -> None:
    run = finish(upload("mail", {"Inbox.mbox": mbox(mails)}))
    assert run.counts == {"mail": {"created": 4}}, list(
        run.rows.exclude(error="").values_list("error", flat=True)
    )
    check_threads(agent)
    again = finish(upload("mail", {"Inbox.mbox": mbox(mails)}))
    assert again.counts == {"mail": {"skipped": 4}}
    assert Message.objects.count() == 4
    undo_import(run=run, by=admin.as_viewer())
    work()
    assert not Ticket.objects.exists()
    assert not MailLedger.objects.exists()


def test_mails_are_parsed_once_however_many_slices_there_are(
    upload: Upload, mails: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []

    def parse(raw: bytes) -> Any:
        parsed.append(raw)
        return parse_in_child(raw)

    monkeypatch.setattr(mail_importer, "parse_in_child", parse)
    monkeypatch.setattr(read_files, "SLICE_SECONDS", -1.0)
    run = upload("mail", {"Inbox.mbox": mbox(mails)})
    assert (len(parsed), run.rows.count(), run.found["kinds"]) == (4, 4, {"mail": 4})
    assert run.rows.values("external_id").distinct().count() == 4


@pytest.mark.parametrize("loses", ["lease", "place"])
def test_a_second_worker_doubles_no_rows(
    upload: Upload, mails: list[bytes], monkeypatch: pytest.MonkeyPatch, loses: str
) -> None:
    met: list[bytes] = []

    def parse(raw: bytes) -> Any:
        if not met:
            met.append(raw)
            if loses == "lease":
                Job.objects.update(lease_token="another")
            else:
                read_files.read_slice(Import.objects.get())
        return parse_in_child(raw)

    monkeypatch.setattr(mail_importer, "parse_in_child", parse)
    run = upload("mail", {"Inbox.mbox": mbox(mails)})
    if loses == "lease":
        assert (run.rows.count(), run.place) == (0, {})
        Job.objects.update(leased_until=None)
        while run_jobs("batch"):
            pass
        run.refresh_from_db()
    assert (run.rows.count(), run.state) == (4, "read")


def test_a_maildir_in_a_tar_file_without_links_out_of_it(
    upload: Upload, finish: Finish, mails: list[bytes], agent: User
) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for number, one in enumerate(mails):
            info = tarfile.TarInfo(f"Maildir/cur/{number}:2,S")
            info.size = len(one)
            archive.addfile(info, io.BytesIO(one))
        link = tarfile.TarInfo("Maildir/cur/passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        half = tarfile.TarInfo("Maildir/tmp/half")
        half.size = 3
        archive.addfile(half, io.BytesIO(b"Fro"))
    finish(upload("mail", {"maildir.tar.gz": content.getvalue()}))
    check_threads(agent)


def test_mails_join_the_ticket_that_knows_them_and_undo_takes_them_off_again(
    upload: Upload, finish: Finish, mails: list[bytes], agent: User, inbox: Inbox, admin: User, work: Any
) -> None:
    incoming = IncomingMessage(
        channel="email", sender="mette@halden.example", text="Where is it?", subject="Invoice",
        external_id="<ask@mail.example>", aliases=["<ask@mail.example>"],
    )  # fmt: skip
    ticket = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox).ticket
    run = finish(upload("mail", {"Sent.mbox": mbox(mails)}))
    assert run.counts == {"mail": {"created": 3, "skipped": 1}}
    ticket.refresh_from_db()
    assert (ticket.messages.count(), ticket.outbound_count, ticket.status_id) == (3, 1, "new")
    undo_import(run=run, by=admin.as_viewer())
    work()
    ticket.refresh_from_db()
    assert (ticket.messages.count(), ticket.outbound_count) == (1, 0)
    assert Ticket.objects.count() == 1


def test_a_mail_that_claims_a_strangers_ticket_gets_its_own(
    upload: Upload, finish: Finish, agent: User, inbox: Inbox, account: Account
) -> None:
    incoming = IncomingMessage(
        channel="email", sender="mette@halden.example", text="Secret", subject="Invoice",
        external_id="<ask@mail.example>", aliases=["<ask@mail.example>"],
    )  # fmt: skip
    ticket = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox).ticket
    forged = mail(
        "forged", "eve@elsewhere.example", "support@desk.example", "Re: Invoice", 5, "Let me in", "ask"
    )
    finish(upload("mail", {"one.eml": forged}))
    assert ticket.messages.count() == 1
    assert Message.objects.get(body_text__startswith="Let me in").ticket != ticket
