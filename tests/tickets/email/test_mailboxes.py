"""Mailboxes over IMAP, against a real Dovecot: every mail once, whatever breaks off, and what is wrong is said."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Event, Notification
from core.readiness import look_at_everything
from people.models import User
from tests.tickets.email.dovecot import PASSWORD, BreakingWire, Dovecot, needs_dovecot
from tests.tickets.email.mails import mail_of
from tickets.channels.email.imap_session import encode_folder
from tickets.channels.email.services.fetch_mailbox import fetch_mailbox
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.reconcile_mailbox import reconcile_due_mailboxes, reconcile_mailbox
from tickets.channels.email.services.save_mailbox import (
    fetch_now,
    pause_mailbox,
    remove_mailbox,
    resume_mailbox,
    save_mailbox,
    try_mailbox,
)
from tickets.channels.email.services.watch_mailboxes import watch_mailboxes
from tickets.models import Inbox, Mailbox, MailboxMail, MailLedger, Message, Ticket
from tickets.tasks import check_mailboxes_task, fetch_mailboxes_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("minds")]
HOST = "127.0.0.1"
Connect = Callable[..., Mailbox]


@pytest.fixture(scope="module")
def servers() -> Iterator[Dovecot]:
    """One server for the module."""
    with Dovecot() as server:
        yield server


@pytest.fixture
def server(servers: Dovecot, settings: Any) -> Dovecot:
    """The server, with empty mailboxes, which the operator has allowed."""
    settings.GUARDED_MAIL_ALLOW = [HOST]
    for user in ("support", "sales", "billing"):
        with servers.client(user) as imap:
            imap.select("INBOX")
            imap.uid("STORE", "1:*", "+FLAGS.SILENT", "\\Deleted")
            imap.expunge()
    return servers


@pytest.fixture
def connect(inbox: Inbox, admin: User, request: pytest.FixtureRequest) -> Connect:
    """Connect a mailbox: ``connect(port=…, username=…)``."""

    def make(**words: Any) -> Mailbox:
        values = {
            "inbox": inbox,
            "host": HOST,
            "port": words.get("port") or request.getfixturevalue("server").port,
            "security": "none",
            "username": "support",
            "password": PASSWORD,
            "folder": "INBOX",
            "take_existing": True,
            "by": admin.as_viewer(),
        }
        return save_mailbox(**{**values, **words})

    return make


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Mails that differ."""
    return [
        mail_of(subject=f"Question {number}", body="Why? " * 40, Message_ID=f"<m{number}@halden.example>")
        for number in range(start, start + count)
    ]


def visit(box: Mailbox) -> Any:
    return fetch_mailbox(mailbox_id=box.pk)


def fresh(box: Mailbox) -> Mailbox:
    return Mailbox.objects.get(pk=box.pk)


# --- fetching ---------------------------------------------------------------------------------------------------------


@needs_dovecot
def test_mails_come_in_and_stay_as_they_are_on_the_server(server: Dovecot, connect: Connect) -> None:
    server.deliver([mail_of(subject="Grüße", body="Bonjour")], when="20-Nov-2026 10:00:00 +0100")
    box = connect()
    got = visit(box)
    assert (len(got.new), got.trouble) == (1, None)
    process_waiting_mail()
    row = MailLedger.objects.get()
    assert (row.state, row.source) == (
        "ticket",
        f"imap:{box.pk}:{fresh(box).uidvalidity}:{fresh(box).last_uid}",
    )
    # It came while nobody was looking: the customer has waited since then.
    assert row.received_at.isoformat() == "2026-11-20T09:00:00+00:00"
    assert Ticket.objects.get().subject == "Grüße"
    assert "Seen" not in server.flags()
    assert visit(box).new == []
    assert (fresh(box).state, fresh(box).error, MailLedger.objects.count()) == ("ok", "", 1)


@needs_dovecot
def test_only_new_mail_is_taken_unless_one_wants_the_old(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(3))
    box = connect(take_existing=False)
    assert visit(box).new == []
    server.deliver(numbered(2, start=3))
    assert len(visit(box).new) == 2
    assert reconcile_mailbox(mailbox_id=box.pk).server_count == 2


@needs_dovecot
def test_200_mails_come_exactly_once_though_the_connection_breaks_every_20(
    server: Dovecot, connect: Connect
) -> None:
    server.deliver(numbered(200))
    with BreakingWire(server.port, cut_mails=20) as wire:
        box = connect(port=wire.port)
        breaks = 0
        while visit(box).trouble is not None:
            breaks += 1
            assert breaks < 30
        assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []
    assert breaks >= 8
    assert MailLedger.objects.count() == 200
    assert MailboxMail.objects.filter(outcome="kept").count() == 200
    sources = MailLedger.objects.values_list("source", flat=True)
    assert len(set(sources)) == 200
    process_waiting_mail()
    assert Message.objects.filter(kind="inbound").count() == 200


@needs_dovecot
@pytest.mark.parametrize("cut_after", [0, 40, 130, 300, 420, 700, 900, 1100, 1500])
def test_wherever_the_connection_breaks_nothing_is_lost_and_nothing_half(
    server: Dovecot, connect: Connect, cut_after: int
) -> None:
    server.deliver(numbered(3))
    with BreakingWire(server.port, cut_after=cut_after) as wire:
        box = connect(port=wire.port)
        visit(box)
        wire.cut_after = None
        visit(box)
        visit(box)
    process_waiting_mail()
    assert sorted(MailLedger.objects.values_list("state", flat=True)) == ["ticket"] * 3
    assert set(Message.objects.values_list("subject", flat=True)) == {f"Question {n}" for n in range(3)}


@needs_dovecot
def test_a_mail_that_always_breaks_the_connection_is_passed_over_and_shown(
    server: Dovecot, connect: Connect, admin: User
) -> None:
    server.deliver([*numbered(1), mail_of(body="x" * 200_000), *numbered(1, start=2)])
    with BreakingWire(server.port, cut_after=20_000) as wire:
        box = connect(port=wire.port)
        for _visit in range(4):
            visit(box)
        assert visit(box).trouble is None
        assert MailLedger.objects.count() == 2
        [bad] = MailboxMail.objects.filter(outcome="failed")
        found = reconcile_mailbox(mailbox_id=box.pk)
        assert (found.server_count, list(found.missing)) == (3, [bad.uid])
        assert fresh(box).alarm == "missing"
        wire.cut_after = None
        fetch_now(mailbox=box, by=admin.as_viewer(), missing=True)
        assert len(visit(box).new) == 1
        assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []
    assert (fresh(box).alarm, fresh(box).missing_count, MailLedger.objects.count()) == ("", 0, 3)


@needs_dovecot
def test_a_server_that_numbers_its_mails_anew_is_listed_again_without_doubles(
    server: Dovecot, connect: Connect
) -> None:
    server.deliver(numbered(5))
    box = connect()
    visit(box)
    before = fresh(box).uidvalidity
    server.number_anew()
    server.deliver(numbered(1, start=5))
    assert len(visit(box).new) == 1
    after = fresh(box)
    assert after.uidvalidity != before
    assert MailLedger.objects.count() == 6
    assert MailboxMail.objects.filter(uidvalidity=after.uidvalidity).count() == 6
    assert Event.objects.filter(verb="tickets.mailbox_renumbered").count() == 1
    found = reconcile_mailbox(mailbox_id=box.pk)
    assert (found.server_count, list(found.missing)) == (6, [])


@needs_dovecot
def test_numbered_anew_old_mail_that_nobody_wanted_stays_out(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(3), when="01-Jan-2020 10:00:00 +0000")
    box = connect(take_existing=False)
    visit(box)
    server.number_anew(validity=4_000_000_001)
    server.deliver(numbered(1, start=3))
    assert len(visit(box).new) == 1
    assert MailboxMail.objects.filter(outcome="before").count() == 3
    assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []


@needs_dovecot
def test_another_server_is_read_from_where_the_first_was_left(
    server: Dovecot, connect: Connect, admin: User
) -> None:
    box = connect(take_existing=False)
    visit(box)
    server.deliver(numbered(2))
    visit(box)
    # The provider has moved: some mails were there before, some were taken along, one came before anybody changed the server.
    server.deliver(numbered(1, start=9), user="sales", when="01-Jan-2020 10:00:00 +0000")
    server.deliver(numbered(3), user="sales")
    save_mailbox(
        inbox=box.inbox, mailbox=box, host=HOST, port=box.port, security="none", username="sales",
        password=PASSWORD, folder="INBOX", by=admin.as_viewer(),
    )  # fmt: skip
    assert len(visit(box).new) == 1
    assert MailLedger.objects.count() == 3
    assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []


@needs_dovecot
def test_a_mail_that_is_too_large_is_set_aside_with_its_headers(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.channels.email.services.fetch_mailbox.MAX_MESSAGE_BYTES", 20_000)
    server.deliver([*numbered(1), mail_of(subject="Huge", body="x" * 50_000), *numbered(1, start=2)])
    box = connect()
    assert len(visit(box).new) == 3
    process_waiting_mail()
    huge = MailLedger.objects.get(state="quarantined")
    assert "message_too_large: 5" in huge.error
    assert huge.size < 300
    assert MailLedger.objects.filter(state="ticket").count() == 2
    assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []
    assert server.count() == 3


@needs_dovecot
def test_a_broken_mail_is_quarantined_and_the_others_come_in(server: Dovecot, connect: Connect) -> None:
    server.deliver([*numbered(1), b"From: a@b.c, d@e.f\r\nSubject: two\r\n\r\nx\r\n", *numbered(1, start=2)])
    box = connect()
    visit(box)
    process_waiting_mail()
    states = sorted(MailLedger.objects.values_list("state", flat=True))
    assert states == ["quarantined", "ticket", "ticket"]
    assert fresh(box).state == "ok"


@needs_dovecot
def test_the_same_bytes_twice_are_one_row(server: Dovecot, connect: Connect) -> None:
    server.deliver([*numbered(1), *numbered(1)])
    box = connect()
    assert len(visit(box).new) == 1
    assert (MailLedger.objects.count(), MailboxMail.objects.count()) == (1, 2)
    assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []


@needs_dovecot
def test_an_old_mail_moved_into_the_folder_has_come_now(server: Dovecot, connect: Connect) -> None:
    box = connect()
    visit(box)
    server.deliver(numbered(1), when="01-Jan-2020 10:00:00 +0000")
    visit(box)
    assert timezone.now() - MailLedger.objects.get().received_at < timedelta(minutes=1)


@needs_dovecot
@pytest.mark.parametrize("folder", ["Entwürfe & mehr", 'a "quoted" name', "日本"])
def test_folders_of_any_name(server: Dovecot, connect: Connect, folder: str) -> None:
    coded = '"' + encode_folder(folder).replace('"', '\\"') + '"'
    server.deliver(numbered(1), folder=coded)
    assert len(visit(connect(folder=folder)).new) == 1


# --- what is wrong ----------------------------------------------------------------------------------------------------


@needs_dovecot
def test_a_wrong_password_is_said_and_told_once_and_asked_seldom(
    server: Dovecot, connect: Connect, admin: User, pump: Callable[[], int], agent: User
) -> None:
    box = connect(password="hunter-two")
    for _visit in range(3):
        assert visit(box).trouble.code == "wrong_password"
    now = fresh(box)
    assert (now.state, now.alarm, now.failures) == ("wrong_password", "wrong_password", 3)
    assert now.next_look_at > timezone.now() + timedelta(minutes=30)
    assert "hunter" not in now.error + str(Event.objects.values()) + now.sealed_password
    pump()
    [told] = Notification.objects.filter(kind="tickets.mailbox_alarm")
    assert told.user == admin
    assert told.text == "Mailbox support @ 127.0.0.1 of Support: the server refuses the password"
    save_mailbox(
        inbox=box.inbox, mailbox=box, host=HOST, port=box.port, security="none", username="support",
        password=PASSWORD, folder="INBOX", by=admin.as_viewer(),
    )  # fmt: skip
    assert visit(box).trouble is None
    assert (fresh(box).state, fresh(box).alarm) == ("ok", "")


@needs_dovecot
def test_a_missing_folder_is_said(server: Dovecot, connect: Connect) -> None:
    box = connect(folder="Nowhere")
    assert visit(box).trouble.code == "folder_missing"
    assert (fresh(box).state, fresh(box).alarm) == ("folder_missing", "folder_missing")


@needs_dovecot
@pytest.mark.django_db(transaction=True)
def test_one_broken_mailbox_does_not_stop_another(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(3), user="sales")
    # Its server takes the call and never says a word.
    with BreakingWire(server.port, cut_after=0) as wire:
        broken = connect(port=wire.port, username="support")
        fine = connect(username="sales")
        fetch_mailboxes_task()
    assert fresh(broken).state == "unreachable"
    assert fresh(fine).state == "ok"
    assert list(MailLedger.objects.values_list("state", flat=True)) == ["ticket"] * 3
    assert fresh(broken).next_look_at > timezone.now()


def test_a_server_that_is_away_is_told_of_after_a_while(connect: Connect, settings: Any) -> None:
    settings.GUARDED_MAIL_ALLOW = [HOST]
    box = connect(port=1)
    for pause in (10, 30, 60, 300, 900, 900):
        assert visit(box).trouble.code == "no_connection"
        waits = fresh(box).next_look_at - timezone.now()
        assert timedelta(seconds=pause - 5) < waits <= timedelta(seconds=pause)
    assert (watch_mailboxes(), fresh(box).alarm) == (0, "")
    Mailbox.objects.update(state_since=timezone.now() - timedelta(minutes=16))
    assert (watch_mailboxes(), watch_mailboxes(), fresh(box).alarm) == (1, 0, "unreachable")


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", "host_refused"),
        ("localhost", "host_refused"),
        ("nowhere.example", "host_unknown"),
    ],
)
def test_no_address_of_the_own_network_is_called(
    connect: Connect, host: str, code: str, settings: Any
) -> None:
    box = connect(host=host, port=993, security="tls")
    assert visit(box).trouble.code == code


def test_who_says_nothing_or_nonsense_is_no_imap_server(connect: Connect, settings: Any) -> None:
    settings.GUARDED_MAIL_ALLOW = [HOST]
    with socket.create_server((HOST, 0)) as listener:

        def answer() -> None:
            caller, _address = listener.accept()
            with caller:
                caller.sendall(b"220 smtp.example ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        box = connect(port=listener.getsockname()[1])
        assert visit(box).trouble.code == "not_imap"
        thread.join()


@needs_dovecot
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encrypted_connections_are_verified(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    server.deliver(numbered(1))
    port = server.tls_port if security == "tls" else server.port
    box = connect(security=security, port=port)
    assert visit(box).trouble.code == "tls_failed"
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert len(visit(box).new) == 1


# --- lease, pause, erasure --------------------------------------------------------------------------------------------


@needs_dovecot
def test_a_mailbox_is_visited_by_one_worker_at_a_time(server: Dovecot, connect: Connect) -> None:
    box = connect()
    Mailbox.objects.update(leased_until=timezone.now() + timedelta(seconds=60), lease_token="another")
    assert visit(box) is None
    assert reconcile_mailbox(mailbox_id=box.pk) is None
    Mailbox.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert visit(box).trouble is None


@needs_dovecot
def test_a_visit_that_lost_its_lease_writes_nothing(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(numbered(2))
    box = connect()
    from tickets.channels.email.services import fetch_mailbox as module

    keep = module.keep_raw

    def taken_over(*args: Any, **words: Any) -> Any:
        Mailbox.objects.update(lease_token="another")
        return keep(*args, **words)

    monkeypatch.setattr(module, "keep_raw", taken_over)
    visit(box)
    assert (MailLedger.objects.count(), fresh(box).last_uid) == (0, fresh(box).first_uid - 1)
    monkeypatch.undo()
    Mailbox.objects.update(leased_until=None)
    assert len(visit(box).new) == 2


@needs_dovecot
def test_pause_and_resume(server: Dovecot, connect: Connect, admin: User) -> None:
    box = connect()
    pause_mailbox(mailbox=box, by=admin.as_viewer())
    server.deliver(numbered(1))
    assert visit(box) is None
    with pytest.raises(ValidationError, match="paused"):
        fetch_now(mailbox=box, by=admin.as_viewer())
    resume_mailbox(mailbox=box, by=admin.as_viewer())
    assert len(visit(box).new) == 1


@needs_dovecot
def test_mails_that_went_missing_are_named_every_hour(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(4))
    box = connect()
    visit(box)
    lost = MailboxMail.objects.order_by("uid")[1]
    lost.delete()
    check_mailboxes_task()
    now = fresh(box)
    assert (now.server_count, now.missing_count, now.missing) == (4, 1, [lost.uid])
    assert reconcile_due_mailboxes() == 0
    Mailbox.objects.update(reconciled_at=timezone.now() - timedelta(minutes=61))
    assert reconcile_due_mailboxes() == 1


def test_silence_is_judged_by_the_same_hours_of_other_weeks(connect: Connect, settings: Any) -> None:
    box = connect(port=993, security="tls", host="imap.example.com")
    now = timezone.now()
    Mailbox.objects.update(
        state="ok", connected_at=now - timedelta(days=15), last_mail_at=now - timedelta(hours=10)
    )

    def mail(hours_ago: float, uid: int) -> MailboxMail:
        return MailboxMail(
            mailbox=box, uidvalidity=1, uid=uid, outcome="kept", arrived_at=now - timedelta(hours=hours_ago)
        )

    MailboxMail.objects.bulk_create([mail(7 * 24 + 1 + n, n) for n in range(7)])
    assert watch_mailboxes() == 0
    MailboxMail.objects.bulk_create([mail(14 * 24 + 1 + n, 20 + n) for n in range(9)])
    assert (watch_mailboxes(), fresh(box).alarm) == (1, "silent")
    Mailbox.objects.update(last_mail_at=now)
    assert (watch_mailboxes(), fresh(box).alarm) == (0, "")


# --- setting up -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"host": "imap .example"}, "host"),
        ({"host": "0x7f000001"}, "host"),
        ({"port": 25}, "port"),
        ({"security": "none"}, "security"),
        ({"security": "ssl3"}, "security"),
        ({"username": "a\r\nb LOGOUT"}, "username"),
        ({"username": " "}, "username"),
        ({"folder": "a\nb"}, "folder"),
        ({"password": ""}, "password"),
        ({"password": "a\r\nb"}, "password"),
    ],
)
def test_bad_words_are_refused_by_their_field(connect: Connect, words: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        connect(**{"host": "imap.example.com", "port": 993, "security": "tls", **words})
    assert field in raised.value.error_dict
    assert not Mailbox.objects.exists()


def test_a_stored_password_goes_to_no_other_server(connect: Connect, admin: User) -> None:
    box = connect(host="imap.example.com", port=993, security="tls")
    same = {
        "host": "imap.example.com", "port": 993, "security": "tls", "username": "support", "password": "",
        "folder": "Other", "by": admin.as_viewer(),
    }  # fmt: skip
    assert save_mailbox(inbox=box.inbox, mailbox=box, **same).folder == "Other"
    for words in ({"host": "evil.example"}, {"username": "root"}, {"port": 143}, {"security": "starttls"}):
        with pytest.raises(ValidationError, match="again"):
            save_mailbox(inbox=box.inbox, mailbox=box, **{**same, **words})
        with pytest.raises(ValidationError, match="again"):
            try_mailbox(mailbox=box, **{**same, **words})


def test_one_folder_is_read_once_and_only_administrators_set_up(connect: Connect, agent: User) -> None:
    box = connect(host="imap.example.com", port=993, security="tls")
    with pytest.raises(ValidationError, match="read already"):
        connect(host="IMAP.example.com", port=993, security="tls")
    for act in (pause_mailbox, remove_mailbox, fetch_now):
        with pytest.raises(PermissionDenied):
            act(mailbox=box, by=agent.as_viewer())
    with pytest.raises(PermissionDenied):
        connect(host="other.example.com", port=993, security="tls", by=agent.as_viewer())


# --- pages and REST ---------------------------------------------------------------------------------------------------


@needs_dovecot
def test_the_page_connects_tries_and_shows_a_mailbox(
    server: Dovecot, inbox: Inbox, admin: User, login: Callable[[User], Client]
) -> None:
    browser = login(admin)
    words = {
        "protocol": "imap", "host": HOST, "port": server.port, "security": "none", "username": "support", "password": "wrong",
        "folder": "INBOX", "take_existing": "on",
    }  # fmt: skip
    new = reverse("settings-mailbox-new", args=[inbox.pk])
    tried = browser.post(new, {**words, "try": "1"})
    assert "refuses the user name or the password" in tried.content.decode()
    words["password"] = PASSWORD
    assert "The connection works" in browser.post(new, {**words, "try": "1"}).content.decode()
    assert "no such folder" in browser.post(new, {**words, "folder": "X", "try": "1"}).content.decode()
    refused = browser.post(new, {**words, "port": 99999, "try": "1"}).content.decode()
    assert "Port:" in refused
    assert not Mailbox.objects.exists()
    server.deliver(numbered(2))
    saved = browser.post(new, words)
    box = Mailbox.objects.get()
    assert saved["Location"] == reverse("settings-mailbox", args=[box.pk])
    fetch_mailboxes_task()
    check_mailboxes_task()
    page = browser.get(saved["Location"]).content.decode()
    assert "Nothing lost: all 2 mails on the server are in the ledger." in page
    assert PASSWORD not in page
    assert box.sealed_password not in page
    assert "support @ 127.0.0.1" in browser.get(reverse("settings-inbox", args=[inbox.pk])).content.decode()
    MailboxMail.objects.first().delete()
    Mailbox.objects.update(reconciled_at=None)
    check_mailboxes_task()
    page = browser.get(saved["Location"]).content.decode()
    assert "1 of 2 mails on the server is missing here." in page
    browser.post(reverse("settings-mailbox-fetch", args=[box.pk]), {"missing": "1"})
    assert fresh(box).fetch_missing
    # An empty password keeps the stored one.
    kept = browser.post(saved["Location"], {**words, "password": "", "folder": "INBOX"})
    assert kept.status_code == 302
    browser.post(reverse("settings-mailbox-pause", args=[box.pk]))
    assert fresh(box).state == "paused"
    assert "Resume" in browser.get(saved["Location"]).content.decode()
    browser.post(reverse("settings-mailbox-pause", args=[box.pk]))
    assert fresh(box).state == "new"
    browser.post(reverse("settings-mailbox-remove", args=[box.pk]))
    assert not Mailbox.objects.exists()
    assert MailLedger.objects.count() == 2


def test_rest_reads_the_state_and_never_the_password(connect: Connect, api: Callable[..., Any]) -> None:
    box = connect(host="imap.example.com", port=993, security="tls")
    client = api("tickets:configure")
    [row] = client.get("/api/v1/mailboxes/").json()["results"]
    assert row == client.get(f"/api/v1/mailboxes/{box.pk}/").json()
    assert (row["state"], row["host"], row["missing"]) == ("new", "imap.example.com", [])
    assert "password" not in str(row)
    assert api("tickets:read").get("/api/v1/mailboxes/").status_code == 403
    assert client.get("/api/v1/mailboxes/999/").status_code == 404


def test_the_readiness_page_counts_mailboxes_that_need_attention(connect: Connect) -> None:
    connect(host="imap.example.com", port=993, security="tls")
    Mailbox.objects.update(state="unreachable")
    assert look_at_everything()["mailboxes"].detail == "1 configured, 1 need attention"
