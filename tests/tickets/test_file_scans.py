"""The malware scanner, against a clamd that speaks the real protocol: verdicts, what is held, what waits, what is tried again."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Heartbeat, Notification, Outbound
from core.outbox import send_due
from core.readiness import look_at_everything
from people.models import User
from people.viewer import Viewer
from tests.tickets.clamd_server import EICAR, SIGNATURE, VERSION, ClamdServer
from tickets.attachment_policy import attachment_policy
from tickets.incoming import IncomingFile
from tickets.models import Attachment, Draft, Inbox, MailLedger, Message, StoredFile, Ticket
from tickets.personal_data import TicketData
from tickets.registry import ScanInterrupted, ScannerUnavailable, ScanRefused
from tickets.scanners.clamd import PIECE_BYTES, Address, Clamd, address_of
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_draft import add_draft_file
from tickets.services.schedule_answer import schedule_answer
from tickets.stored_files import delete_file, note_contents, read_file, storage_key, store_file
from tickets.tasks import scan_files_task

pytestmark = [pytest.mark.usefixtures("minds"), pytest.mark.django_db]
Write = Callable[..., Received]


@pytest.fixture
def clamd(settings: Any) -> Iterator[ClamdServer]:
    """A scanner that the settings name."""
    with ClamdServer() as server:
        settings.CLAMD_URL = server.url
        settings.CLAMD_TIMEOUT = 5.0
        yield server


@pytest.fixture
def browser(agent: User, login: Callable[[User], Client]) -> Client:
    return login(agent)


def received(write: Write, content: bytes, name: str = "report.pdf") -> Attachment:
    """A message of the customer with a file."""
    message = write(files=[IncomingFile(name, content, "application/pdf")]).message
    return message.attachments.get()


def address(file: Attachment) -> str:
    return reverse("inbox-attachment", args=[file.message.ticket_id, file.pk])


def fetch(browser: Client, file: Attachment) -> Any:
    return browser.get(address(file))


def stored(content: bytes) -> StoredFile:
    return StoredFile.objects.get(sha256=store_file(content)[0])


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_clean_and_infected_over_tcp(clamd: ClamdServer) -> None:
    scanner = Clamd()
    assert scanner.scan(b"") == ""
    assert scanner.scan(b"hello") == ""
    long = b"a" * (3 * PIECE_BYTES + 17)
    assert scanner.scan(long) == ""
    assert scanner.scan(b"before " + EICAR) == SIGNATURE
    assert clamd.looked == [b"", b"hello", long, b"before " + EICAR]
    assert scanner.version() == VERSION


def test_a_unix_socket(settings: Any, tmp_path: Path) -> None:
    with ClamdServer(tmp_path / "clamd.ctl") as server:
        settings.CLAMD_URL = server.url
        assert Clamd().scan(EICAR) == SIGNATURE
    with pytest.raises(ScannerUnavailable):
        Clamd().scan(b"x")


def test_what_is_too_large_for_the_scanner_is_refused_for_good(clamd: ClamdServer) -> None:
    clamd.limit = 100
    with pytest.raises(ScanRefused, match="larger than the scanner takes"):
        Clamd().scan(b"a" * 101)
    # Far more than fits into the buffers of the line: clamd hangs up while we are still sending.
    with pytest.raises((ScanRefused, ScanInterrupted)):
        Clamd().scan(b"a" * 30_000_000)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("hang_up", "hung up|reset|Broken"), ("nonsense", "allocate memory"), ("stall", "timed out|too long")],
)
def test_a_look_that_breaks_off_may_be_repeated(
    clamd: ClamdServer, settings: Any, trouble: Any, words: str
) -> None:
    clamd.trouble = trouble
    settings.CLAMD_TIMEOUT = 0.3 if trouble == "stall" else 5.0
    with pytest.raises(ScanInterrupted, match=words):
        Clamd().scan(b"hello")


@pytest.mark.parametrize(
    "url",
    ["clamd:3310", "http://127.0.0.1", "tcp://", "unix://clamd.ctl", "unix://", "tcp://host:x", "tcp://[::1"],
)
def test_wrong_addresses_are_named(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CLAMD_URL"):
        address_of(url)


def test_wrong_settings_are_found_at_the_start(settings: Any) -> None:
    def found() -> set[str]:
        return {one.id for one in run_checks() if one.id and one.id.startswith("tickets.")}

    assert found() == set()
    settings.CLAMD_URL, settings.CLAMD_TIMEOUT = "clamd", 90
    assert found() == {"tickets.E001", "tickets.E002"}


def test_addresses() -> None:
    assert address_of("tcp://scanner") == Address(host="scanner", port=3310)
    assert address_of("tcp://[::1]:4000") == Address(host="::1", port=4000)
    assert address_of("unix:///run/clamav/clamd.ctl") == Address(path="/run/clamav/clamd.ctl")


# --- without a scanner ------------------------------------------------------------------------------------------------


def test_without_a_scanner_nothing_is_scanned_and_nothing_held(
    write: Write, browser: Client, admin: User, login: Any, viewer: Viewer, api: Any
) -> None:
    file = received(write, EICAR)
    scan_files_task()
    assert stored(EICAR).scan == "not_scanned"
    assert fetch(browser, file).content == EICAR
    draft = add_draft_file(
        ticket=file.message.ticket,
        kind="reply",
        name="a.pdf",
        content_type="application/pdf",
        content=b"x",
        by=viewer,
    )
    reply_to_ticket(ticket=file.message.ticket, body="Here", by=viewer, draft=draft)
    send_due()
    assert len(mail.outbox) == 1
    page = login(admin).get("/settings/attachments/").content.decode()
    assert "Files are not scanned and none is held" in page
    assert (
        "files are not scanned and none is held" in login(admin).get("/settings/file-scans/").content.decode()
    )
    [told] = messages(api, file.message.ticket)[0]["attachments"]
    assert (told["scan"], told["scan_detail"], told["held"]) == ("not_scanned", "", "")
    assert "not scanned" in look_at_everything()["file_scanner"].detail


def messages(api: Any, ticket: Ticket) -> Any:
    return api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/messages/").json()["results"]


# --- what customers send ----------------------------------------------------------------------------------------------


def test_a_file_is_held_until_it_is_found_clean(
    clamd: ClamdServer, write: Write, browser: Client, api: Any
) -> None:
    file = received(write, b"figures")
    held = fetch(browser, file)
    assert held.status_code == 403
    assert "still being scanned" in held.content.decode()
    assert clamd.looked == []  # nothing was asked while the message came in
    scan_files_task()
    assert fetch(browser, file).content == b"figures"
    row = stored(b"figures")
    assert (row.scan, row.scan_after, row.attempts, row.scanned_by) == ("clean", None, 0, VERSION)
    [told] = messages(api, file.message.ticket)[0]["attachments"]
    assert (told["scan"], told["held"]) == ("clean", "")
    scan_files_task()
    assert len(clamd.looked) == 1


def test_malware_is_handed_to_nobody_and_everybody_is_told(
    clamd: ClamdServer, write: Write, browser: Client, api: Any, login: Any, admin: User
) -> None:
    first, second = received(write, EICAR), received(write, EICAR, "again.pdf")
    scan_files_task()
    for file in (first, second):
        answer = fetch(browser, file)
        assert answer.status_code == 403
        assert f"blocked: {SIGNATURE}" in answer.content.decode()
        page = browser.get(f"/inbox/{file.message.ticket_id}/").content.decode()
        assert f"blocked: {SIGNATURE}" in page
        assert address(file) not in page
        assert "blocked an attachment" in page
    assert len(clamd.looked) == 1  # the same content is looked at once
    assert Event.objects.filter(verb="tickets.file_blocked").count() == 1
    told = Event.objects.filter(verb="tickets.attachment_blocked").order_by("pk")
    assert [event.ticket_id for event in told] == [first.message.ticket_id, second.message.ticket_id]
    assert told[0].detail.data == {"reason": SIGNATURE}
    [rest] = messages(api, first.message.ticket)[0]["attachments"]
    assert (rest["scan"], rest["scan_detail"], rest["held"]) == (
        "infected",
        SIGNATURE,
        f"blocked: {SIGNATURE}",
    )
    page = login(admin).get("/settings/file-scans/").content.decode()
    assert "again.pdf" in page
    assert SIGNATURE in page
    assert VERSION in page


def test_a_blocked_file_does_not_leave_within_its_mail(
    clamd: ClamdServer, write: Write, browser: Client, login: Any, admin: User, inbox: Inbox
) -> None:
    file = received(write, b"%PDF figures")
    # In the mail the file is written in Base64: the scanner finds nothing in that.
    sha256, key = store_file(b"Subject: Report\r\n\r\nJVBERiBmaWd1cmVz")
    mail = MailLedger.objects.create(
        inbox=inbox, sha256=sha256, storage_key=key, size=40, received_at=timezone.now(), state="ticket",
        ticket=file.message.ticket, message=file.message,
    )  # fmt: skip
    place = [file.message.ticket_id, file.message_id]
    doors = [
        (browser, reverse("inbox-eml", args=place)),
        (browser, reverse("inbox-headers", args=place)),
        (login(admin), reverse("ledger-mail-raw", args=[mail.pk])),
    ]
    scan_files_task()
    assert [who.get(door).status_code for who, door in doors] == [200, 200, 200]
    StoredFile.objects.filter(sha256=file.sha256).update(scan="infected", signature=SIGNATURE)
    for who, door in doors:
        refused = who.get(door)
        assert (refused.status_code, SIGNATURE in refused.content.decode()) == (403, True)


def test_malware_stays_held_when_the_scanner_is_taken_away(
    clamd: ClamdServer, write: Write, browser: Client, settings: Any
) -> None:
    file = received(write, EICAR)
    scan_files_task()
    settings.CLAMD_URL = ""
    assert fetch(browser, file).status_code == 403


def test_pictures_with_malware_are_not_shown_in_a_message(
    clamd: ClamdServer, write: Write, browser: Client
) -> None:
    picture = IncomingFile("a.png", EICAR, "image/png", content_id="one", is_inline=True)
    message = write("text", html='<p>Hi <img src="cid:one"></p>', files=[picture]).message
    scan_files_task()
    shown = browser.get(f"/inbox/{message.ticket_id}/messages/{message.pk}/html/").content.decode()
    assert "data:image" not in shown


def test_an_export_of_personal_data_holds_no_malware(clamd: ClamdServer, write: Write) -> None:
    file = received(write, EICAR)
    received(write, b"clean", "clean.pdf")
    scan_files_task()
    files = dict(TicketData().files([file.message.contact_id or 0]))
    assert {name.rpartition("-")[2]: content for name, content in files.items()} == {
        "report.pdf.txt": f"blocked: {SIGNATURE}".encode(),
        "clean.pdf": b"clean",
    }


def test_who_may_not_wait_changes_the_rule(
    clamd: ClamdServer, write: Write, browser: Client, login: Any, admin: User
) -> None:
    file, bad = received(write, b"figures"), received(write, EICAR)
    form = {"megabytes_each": 20, "megabytes_together": 25, "most_files": 10, "blocked": "exe"}
    assert login(admin).post("/settings/attachments/", form).status_code == 302
    assert attachment_policy().hold_unscanned is False
    assert fetch(browser, file).status_code == 200
    scan_files_task()
    assert fetch(browser, bad).status_code == 403
    saved = Event.objects.get(verb="tickets.attachment_policy_saved")
    assert saved.detail.data is not None
    assert saved.detail.data["hold_unscanned"] is False


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_files_wait_for_a_scanner_that_is_down(
    clamd: ClamdServer, write: Write, browser: Client, login: Any, admin: User, settings: Any
) -> None:
    scan_files_task()
    clamd.stop()
    file = received(write, b"figures")
    scan_files_task()
    row = stored(b"figures")
    assert (row.scan, row.attempts, row.leased_until) == ("not_scanned", 0, None)
    assert fetch(browser, file).status_code == 403
    page = login(admin).get("/settings/file-scans/").content.decode()
    assert f"{VERSION} does not answer" in page
    assert "1 file waits" in page
    assert "does not answer" in login(admin).get("/settings/attachments/").content.decode()
    finding = look_at_everything()["file_scanner"]
    assert (finding.ok, "1 files wait" in finding.detail) == (True, True)
    since = Heartbeat.objects.get(name="file-scanner").detail["since"]
    scan_files_task()
    assert Heartbeat.objects.get(name="file-scanner").detail["since"] == since
    with ClamdServer() as again:
        settings.CLAMD_URL = again.url
        scan_files_task()
    assert fetch(browser, file).status_code == 200
    assert "does not answer" not in login(admin).get("/settings/file-scans/").content.decode()


def test_a_look_that_breaks_off_is_repeated_with_growing_pauses_and_given_up(
    clamd: ClamdServer, write: Write, browser: Client, login: Any, admin: User
) -> None:
    clamd.trouble = "hang_up"
    file, now = received(write, b"figures"), timezone.now()
    scan_files_task()
    scan_files_task()
    row = stored(b"figures")
    assert (row.scan, row.attempts) == ("not_scanned", 1)
    assert row.scan_error
    for hours in range(1, 12):
        with time_machine.travel(now + timedelta(hours=2 * hours), tick=False):
            scan_files_task()
    row.refresh_from_db()
    assert (row.scan, row.scan_after) == ("failed", None)
    refused = fetch(browser, file)
    assert refused.status_code == 403
    assert "could not be scanned" in refused.content.decode()
    clamd.trouble = ""
    page = login(admin).get("/settings/file-scans/?state=failed")
    assert "Try these again" in page.content.decode()
    assert login(admin).post("/settings/file-scans/again/", {"state": "failed"}).status_code == 302
    run_jobs("batch")
    scan_files_task()
    assert fetch(browser, file).status_code == 200


def test_a_file_beyond_the_limit_of_the_scanner_is_named(
    clamd: ClamdServer, write: Write, browser: Client
) -> None:
    clamd.limit = 10
    file = received(write, b"a" * 50)
    scan_files_task()
    row = stored(b"a" * 50)
    assert (row.scan, row.scan_error) == ("failed", "larger than the scanner takes")
    assert "larger than the scanner takes" in fetch(browser, file).content.decode()


def test_a_file_that_is_gone_holds_nobody_up(clamd: ClamdServer) -> None:
    note_contents({"0" * 64: 3})
    new = stored(b"new")
    scan_files_task()
    assert StoredFile.objects.get(sha256="0" * 64).scan_error == "not in the storage any more"
    new.refresh_from_db()
    assert new.scan == "clean"


def test_a_storage_that_fails_holds_nobody_up(clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = stored(b"old"), stored(b"new")

    def read(key: str) -> bytes:
        if key == storage_key(new.sha256):
            raise OSError(5, "Input/output error")
        return read_file(key)

    with monkeypatch.context() as patch:
        patch.setattr("tickets.services.scan_files.read_file", read)
        scan_files_task()
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.scan, new.scan, new.attempts) == ("clean", "not_scanned", 1)
    assert new.scan_error == "could not be read: Input/output error"
    with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=False):
        scan_files_task()
    new.refresh_from_db()
    assert new.scan == "clean"


def test_a_worker_that_died_leaves_the_file_to_the_next(clamd: ClamdServer) -> None:
    row = stored(b"figures")
    StoredFile.objects.update(leased_until=timezone.now() + timedelta(seconds=30), lease_token="dead")
    scan_files_task()
    assert clamd.looked == []
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        scan_files_task()
    row.refresh_from_db()
    assert row.scan == "clean"


@pytest.mark.parametrize(("database", "most"), [("sqlite", 1), ("postgresql", 2)])
def test_a_slow_scanner_leaves_workers_to_other_work(
    clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch, database: str, most: int
) -> None:
    monkeypatch.setattr(connection, "vendor", database)
    held = [stored(f"held {number}".encode()) for number in range(most)]
    free = stored(b"free")
    lease = {"leased_until": timezone.now() + timedelta(seconds=30), "lease_token": "elsewhere"}
    StoredFile.objects.filter(pk__in=[one.pk for one in held]).update(**lease)
    scan_files_task()
    assert clamd.looked == []
    StoredFile.objects.filter(pk=held[0].pk).update(leased_until=None)
    scan_files_task()
    free.refresh_from_db()
    assert free.scan == "clean"
    assert clamd.looked == [b"free", b"held 0"]


def test_a_look_that_broke_off_comes_after_all_others(clamd: ClamdServer) -> None:
    stored(b"old")
    StoredFile.objects.filter(pk=stored(b"poison").pk).update(attempts=3)
    scan_files_task()
    assert clamd.looked == [b"old", b"poison"]


def test_what_is_deleted_is_forgotten(clamd: ClamdServer) -> None:
    _sha256, key = store_file(b"figures")
    delete_file(key)
    assert not StoredFile.objects.exists()


# --- what leaves ------------------------------------------------------------------------------------------------------


def with_file(ticket: Ticket, content: bytes, by: Viewer, name: str = "offer.pdf") -> Draft:
    return add_draft_file(
        ticket=ticket, kind="reply", name=name, content_type="application/pdf", content=content, by=by
    )


def test_an_answer_waits_for_its_file(clamd: ClamdServer, ticket: Ticket, viewer: Viewer) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Here", by=viewer, draft=with_file(ticket, b"offer", viewer))
    send_due()
    row = Outbound.objects.get(idempotency_key=f"message:{answer.pk}")
    assert (row.state, row.attempts, mail.outbox) == ("pending", 0, [])
    assert "waits for the malware scan of offer.pdf" in row.last_error
    scan_files_task()
    with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=False):
        send_due()
    answer.refresh_from_db()
    assert (answer.delivery, len(mail.outbox)) == ("sent", 1)


def test_an_answer_with_malware_does_not_leave_and_its_author_is_told(
    clamd: ClamdServer, ticket: Ticket, viewer: Viewer, agent: User, pump: Callable[[], int]
) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Here", by=viewer, draft=with_file(ticket, EICAR, viewer))
    scan_files_task()
    send_due()
    pump()
    answer.refresh_from_db()
    assert (answer.delivery, mail.outbox) == ("failed", [])
    assert answer.delivery_detail == f"offer.pdf: blocked: {SIGNATURE}"
    assert Notification.objects.filter(user=agent, text__contains="did not arrive").exists()


def test_known_malware_is_refused_while_one_writes(
    clamd: ClamdServer, ticket: Ticket, viewer: Viewer, browser: Client
) -> None:
    file = SimpleUploadedFile("offer.pdf", EICAR, content_type="application/pdf")
    [entry] = browser.post(f"/inbox/{ticket.pk}/draft/files/", {"kind": "reply", "file": file}).json()[
        "files"
    ]
    assert browser.get(entry["url"]).status_code == 403
    scan_files_task()
    draft = Draft.objects.get()
    for act in (
        lambda: reply_to_ticket(ticket=ticket, body="Here", by=viewer, draft=draft),
        lambda: schedule_answer(
            ticket=ticket, body="Here", send_at=timezone.now() + timedelta(hours=1), by=viewer, draft=draft
        ),
    ):
        with pytest.raises(ValidationError) as refused:
            act()
        assert refused.value.message_dict == {"files": [f"offer.pdf is blocked: {SIGNATURE}"]}
    assert not Message.objects.filter(kind="outbound").exists()
    assert Draft.objects.get().files


def test_a_file_without_a_row_is_found_when_it_is_to_leave(
    clamd: ClamdServer, ticket: Ticket, viewer: Viewer
) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Here", by=viewer, draft=with_file(ticket, b"offer", viewer))
    StoredFile.objects.all().delete()
    send_due()
    scan_files_task()
    with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=False):
        send_due()
    answer.refresh_from_db()
    assert answer.delivery == "sent"


def test_a_file_without_a_row_is_found_when_somebody_asks_for_it(
    clamd: ClamdServer, write: Write, browser: Client
) -> None:
    file = received(write, b"restored")
    StoredFile.objects.all().delete()
    assert fetch(browser, file).status_code == 403
    scan_files_task()
    assert fetch(browser, file).content == b"restored"


# --- again ------------------------------------------------------------------------------------------------------------


def test_the_command_has_everything_scanned_again(
    clamd: ClamdServer, write: Write, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = received(write, EICAR)
    scan_files_task()
    lost = received(write, b"restored")
    StoredFile.objects.filter(sha256=lost.sha256).delete()
    # A new edition of the signatures takes the verdict back.
    monkeypatch.setattr("tests.tickets.clamd_server.EICAR", b"something else")
    told = io.StringIO()
    call_command("rescan_files", stdout=told)
    assert "makes the files due" in told.getvalue()
    run_jobs("batch")
    assert fetch(browser, file).status_code == 403  # the verdict stays until there is a new one
    scan_files_task()
    assert fetch(browser, file).content == EICAR
    assert fetch(browser, lost).content == b"restored"
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert {"tickets.file_released", "tickets.attachment_released", "tickets.files_rescanned"} <= verbs


def test_one_verdict_alone_can_be_chosen(clamd: ClamdServer, write: Write) -> None:
    received(write, EICAR), received(write, b"clean")
    scan_files_task()
    call_command("rescan_files", "--state", "infected", stdout=io.StringIO())
    run_jobs("batch")
    assert list(StoredFile.objects.exclude(scan_after=None).values_list("scan", flat=True)) == ["infected"]


def test_the_page_is_for_operators(agent: User, lead_user: User, login: Any, ticket: Ticket) -> None:
    assert login(agent).get("/settings/file-scans/").status_code == 403
    assert login(agent).post("/settings/file-scans/again/").status_code == 403


def test_names_of_files_are_told_only_to_who_sees_the_ticket(
    clamd: ClamdServer, write: Write, login: Any, lead_user: User, admin: User, private_team: Any
) -> None:
    file = received(write, EICAR, "secret-name.pdf")
    Ticket.objects.update(team=private_team)
    scan_files_task()
    lead_sees = Ticket.objects.visible_to(lead_user.as_viewer()).filter(pk=file.message.ticket_id).exists()
    admin_sees = Ticket.objects.visible_to(admin.as_viewer()).filter(pk=file.message.ticket_id).exists()
    for user, sees in ((lead_user, lead_sees), (admin, admin_sees)):
        answer = login(user).get("/settings/file-scans/")
        if answer.status_code == 200:
            assert ("secret-name" in answer.content.decode()) is sees, user


def test_the_conversation_asks_no_more_for_many_files(
    clamd: ClamdServer, write: Write, browser: Client
) -> None:
    def cost(ticket: Ticket) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"/inbox/{ticket.pk}/").status_code == 200
        return len(queries)

    few = received(write, b"one").message.ticket
    many = write(files=[IncomingFile(f"{n}.pdf", b"%d" % n) for n in range(6)]).message.ticket
    for n in range(3):
        write(ticket=many, files=[IncomingFile("x.pdf", b"more%d" % n)])
    cost(few)
    assert cost(many) <= cost(few) + 1
