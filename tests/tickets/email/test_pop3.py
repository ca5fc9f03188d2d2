"""Mailboxes over POP3, against a real Dovecot: every mail once, whatever breaks off; deleted only when somebody says so."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from people.models import User
from tests.tickets.email.dovecot import PASSWORD, BreakingWire, Dovecot, needs_pop3
from tests.tickets.email.mails import mail_of
from tickets.channels.email.services.fetch_mailbox import fetch_mailbox
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.reconcile_mailbox import reconcile_mailbox
from tickets.channels.email.services.save_mailbox import fetch_now, save_mailbox
from tickets.models import Inbox, Mailbox, MailboxMail, MailLedger, Message

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
    for user in ("support", "sales"):
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
            "protocol": "pop3",
            "host": HOST,
            "port": words.get("port") or request.getfixturevalue("server").pop3_port,
            "security": "none",
            "username": "support",
            "password": PASSWORD,
            "folder": "",
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


@needs_pop3
def test_mails_come_in_once_and_stay_on_the_server(server: Dovecot, connect: Connect) -> None:
    server.deliver([*numbered(3), mail_of(subject="Grüße", body=".\r\n..dots\r\n" + "x" * 5_000)])
    box = connect()
    assert len(visit(box).new) == 4
    assert visit(box).new == []
    process_waiting_mail()
    assert Message.objects.filter(kind="inbound").count() == 4
    assert "..dots" in Message.objects.get(subject="Grüße").body_text
    found = reconcile_mailbox(mailbox_id=box.pk)
    assert (found.server_count, list(found.missing), server.count()) == (4, [], 4)
    assert (fresh(box).state, MailLedger.objects.first().source) == ("ok", f"pop3:{box.pk}:1:1")


@needs_pop3
def test_the_bytes_are_the_same_as_by_imap(server: Dovecot, connect: Connect) -> None:
    for user in ("support", "sales"):
        server.deliver(numbered(2), user=user)
    visit(connect())
    visit(connect(protocol="imap", port=server.port, username="sales"))
    assert (MailLedger.objects.count(), MailboxMail.objects.count()) == (2, 4)


@needs_pop3
def test_only_new_mail_is_taken_unless_one_wants_the_old(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(3))
    box = connect(take_existing=False)
    assert visit(box).new == []
    server.deliver(numbered(2, start=3))
    assert len(visit(box).new) == 2
    assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []


@needs_pop3
def test_200_mails_come_exactly_once_though_the_connection_breaks_every_20(
    server: Dovecot, connect: Connect
) -> None:
    server.deliver(numbered(200))
    with BreakingWire(server.pop3_port, cut_mails=20, mark=b"octets\r\n") as wire:
        box = connect(port=wire.port)
        breaks = 0
        while visit(box).trouble is not None:
            breaks += 1
            assert breaks < 30
        assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []
    assert breaks >= 8
    assert (MailLedger.objects.count(), MailboxMail.objects.filter(outcome="kept").count()) == (200, 200)
    assert MailboxMail.objects.exclude(outcome="kept").count() == 0


@needs_pop3
@pytest.mark.parametrize("cut_after", [0, 25, 60, 140, 200, 300, 420, 700, 1100])
def test_wherever_the_connection_breaks_nothing_is_lost_and_nothing_half(
    server: Dovecot, connect: Connect, cut_after: int
) -> None:
    server.deliver(numbered(3))
    with BreakingWire(server.pop3_port, cut_after=cut_after) as wire:
        box = connect(port=wire.port)
        visit(box)
        wire.cut_after = None
        visit(box)
        visit(box)
    process_waiting_mail()
    assert sorted(MailLedger.objects.values_list("state", flat=True)) == ["ticket"] * 3
    assert set(Message.objects.values_list("subject", flat=True)) == {f"Question {n}" for n in range(3)}


@needs_pop3
def test_a_mail_that_always_breaks_the_connection_is_passed_over_and_shown(
    server: Dovecot, connect: Connect, admin: User
) -> None:
    server.deliver([*numbered(1), mail_of(body="x" * 200_000), *numbered(1, start=2)])
    with BreakingWire(server.pop3_port, cut_after=20_000) as wire:
        box = connect(port=wire.port)
        for _visit in range(5):
            visit(box)
        assert visit(box).trouble is None
        assert MailLedger.objects.count() == 2
        [bad] = MailboxMail.objects.filter(outcome="failed")
        found = reconcile_mailbox(mailbox_id=box.pk)
        assert (found.server_count, list(found.missing), fresh(box).alarm) == (3, [bad.uid], "missing")
        wire.cut_after = None
        fetch_now(mailbox=box, by=admin.as_viewer(), missing=True)
        assert len(visit(box).new) == 1
        assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []


@needs_pop3
def test_deleted_after_some_days_and_only_what_was_taken_in_safely(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.channels.email.services.fetch_mailbox.MAX_MESSAGE_BYTES", 20_000)
    monkeypatch.setattr("tickets.channels.email.services.list_pop3.MAX_MESSAGE_BYTES", 20_000)
    broken = b"From: a@b.c, d@e.f\r\nSubject: two\r\n\r\nx\r\n"
    server.deliver([*numbered(2), mail_of(subject="Huge", body="x" * 50_000), broken])
    box = connect(delete_after_days=3)
    visit(box)
    process_waiting_mail()
    visit(box)
    assert server.count() == 4
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        server.deliver(numbered(1, start=7))
        visit(box)
        visit(box)
        assert server.count() == 3
        assert list(reconcile_mailbox(mailbox_id=box.pk).missing) == []
    assert MailLedger.objects.count() == 5


@needs_pop3
def test_nothing_is_deleted_by_default(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(2))
    box = connect()
    visit(box)
    process_waiting_mail()
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        visit(box)
    assert server.count() == 2


@needs_pop3
def test_a_server_that_names_its_mails_anew_brings_no_old_mail(server: Dovecot, connect: Connect) -> None:
    server.deliver(numbered(2))
    old = [mail_of(subject="Old", Date="Wed, 01 Jan 2020 10:00:00 +0000", Message_ID="<old@halden.example>")]
    box = connect(take_existing=False)
    visit(box)
    server.deliver(old, user="sales")
    now = timezone.now().strftime("%a, %d %b %Y %H:%M:%S +0000")
    server.deliver([mail_of(subject="New", Date=now)], user="sales")
    Mailbox.objects.update(username="sales")
    assert len(visit(box).new) == 1
    assert sorted(MailboxMail.objects.values_list("outcome", flat=True)) == [
        "before",
        "before",
        "before",
        "kept",
    ]


@needs_pop3
def test_a_wrong_password_is_said(server: Dovecot, connect: Connect) -> None:
    box = connect(password="hunter-two")
    assert visit(box).trouble.code == "wrong_password"
    assert (fresh(box).state, fresh(box).alarm) == ("wrong_password", "wrong_password")
    assert "hunter" not in fresh(box).error


@needs_pop3
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encrypted_connections_are_verified(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    server.deliver(numbered(1))
    box = connect(security=security, port=server.pop3s_port if security == "tls" else server.pop3_port)
    assert visit(box).trouble.code == "tls_failed"
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert len(visit(box).new) == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([b"220 smtp.example ESMTP\r\n"], "not_pop3"),
        ([b"-ERR [SYS/TEMP] later\r\n"], "try_later"),
        ([b"+OK\r\n", b"-ERR\r\n", b"+OK\r\n", b"-ERR [IN-USE] somebody is here\r\n"], "try_later"),
        ([b"+OK\r\n", b"-ERR\r\n", b"+OK\r\n", b"-ERR no\r\n"], "wrong_password"),
        ([b"+OK\r\n", b"-ERR\r\n", b"+OK\r\n", b"+OK\r\n", b"-ERR what?\r\n"], "no_uidl"),
        ([b"+OK\r\n", b"-ERR\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\n1 a\r\n"], "connection_lost"),
    ],
)
def test_what_a_server_says_instead(connect: Connect, settings: Any, lines: list[bytes], code: str) -> None:
    settings.GUARDED_MAIL_ALLOW = [HOST]
    with socket.create_server((HOST, 0)) as listener:

        def answer() -> None:
            caller, _address = listener.accept()
            with caller:
                caller.sendall(lines[0])
                for line in lines[1:]:
                    caller.recv(1000)
                    caller.sendall(line)
                caller.shutdown(socket.SHUT_WR)
                caller.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        box = connect(port=listener.getsockname()[1])
        assert visit(box).trouble.code == code
        thread.join()


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"protocol": "nntp"}, "protocol"),
        ({"port": 993, "host": "pop.example.com", "security": "tls"}, "port"),
        ({"delete_after_days": 0}, "delete_after_days"),
        ({"protocol": "imap", "delete_after_days": 3}, "delete_after_days"),
        ({"username": ""}, "username"),
    ],
)
def test_bad_words_are_refused_by_field(
    connect: Connect, settings: Any, words: dict[str, Any], field: str
) -> None:
    settings.GUARDED_MAIL_ALLOW = [HOST]
    with pytest.raises(ValidationError) as refused:
        connect(**{"port": 995, **words})
    assert list(refused.value.error_dict) == [field]


@needs_pop3
def test_the_page_connects_and_tries(server: Dovecot, inbox: Inbox, admin: User, login: Any) -> None:
    server.deliver(numbered(2))
    words = {
        "protocol": "pop3", "host": HOST, "port": server.pop3_port, "security": "none", "username": "support",
        "password": PASSWORD, "delete_after_days": "14",
    }  # fmt: skip
    browser = login(admin)
    url = reverse("settings-mailbox-new", args=[inbox.pk])
    assert "2 mails are on the server" in browser.post(url, {**words, "try": "1"}).content.decode()
    assert browser.post(url, words).status_code == 302
    box = Mailbox.objects.get()
    assert (box.protocol, box.delete_after_days, box.folder) == ("pop3", 14, "INBOX")
    assert browser.get(reverse("settings-mailbox", args=[box.pk])).status_code == 200
