"""From raw mail to exactly one final state, whatever happens in between."""

import errno
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, OperationalError, connection
from django.utils import timezone

from core.models import Event
from customers.models import Contact
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.mails import mail_of, take
from tickets.channels.email import parser_process
from tickets.channels.email.services import open_together
from tickets.channels.email.services import process_mail as processing
from tickets.channels.email.services.process_mail import process_mail
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.retry_mail import retry_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Attachment, Inbox, MailLedger, Message, MessageAlias, Ticket
from tickets.services import receive_message as receiving
from tickets.stored_files import read_file

pytestmark = pytest.mark.django_db
State = MailLedger.State


def test_a_mail_opens_a_ticket(inbox: Inbox, contact: Contact) -> None:
    raw = mail_of(Message_ID="<1@halden.example>", References="<0@halden.example>", To="support@desk.example")
    row = take(raw, inbox)
    assert row.state == State.TICKET
    assert read_file(row.storage_key) == raw
    assert (row.sender, row.subject, row.header_id) == (
        "mette@halden.example",
        "Invoice",
        "<1@halden.example>",
    )
    ticket = row.ticket
    assert ticket is not None
    assert (ticket.subject, ticket.contact, ticket.inbox, ticket.channel) == (
        "Invoice",
        contact,
        inbox,
        "email",
    )
    [message] = ticket.messages.all()
    assert (message, message.body_text, message.is_automatic) == (
        row.message,
        "We were charged twice.",
        False,
    )
    assert set(MessageAlias.objects.values_list("message_id", flat=True)) == {
        "<0@halden.example>",
        "<1@halden.example>",
    }
    assert list(Event.objects.filter(verb__in=["tickets.created", "tickets.message_received"]).values_list(
        "verb", flat=True
    )) == ["tickets.created", "tickets.message_received"]  # fmt: skip


def test_files_are_stored_by_content_never_by_name(inbox: Inbox) -> None:
    raw = mail_of(
        MIME_Version="1.0",
        Content_Type='multipart/mixed; boundary="b"',
        body="--b\r\n\r\nSee file\r\n--b\r\nContent-Type: text/x-php\r\n"
        'Content-Disposition: attachment; filename="../../\u200b.htaccess"\r\n\r\n<?php\r\n--b--',
    )
    row = take(raw, inbox)
    attachment = Attachment.objects.get(message=row.message)
    assert attachment.name == "htaccess"
    assert attachment.storage_key == f"{attachment.sha256[:2]}/{attachment.sha256[2:]}"
    assert read_file(attachment.storage_key) == b"<?php"


def test_the_same_bytes_are_one_mail(inbox: Inbox) -> None:
    raw = mail_of(Message_ID="<1@halden.example>")
    first, created = store_mail(raw=raw, inbox=inbox)
    second, again = store_mail(raw=raw, inbox=inbox)
    assert (first.pk, created, again) == (second.pk, True, False)
    process_mail(ledger_id=first.pk)
    process_mail(ledger_id=first.pk)
    assert Ticket.objects.count() == Message.objects.count() == 1


def test_the_same_mail_by_another_way_is_a_duplicate(inbox: Inbox) -> None:
    first = take(mail_of(Message_ID="<1@halden.example>"), inbox)
    other = Inbox.objects.create(name="Billing", channel="email", address="billing@desk.example")
    for where in (inbox, other):
        row = take(mail_of(Message_ID="<1@halden.example>", Received=f"by {where.name}"), where)
        assert (row.state, row.message, row.ticket) == (State.DUPLICATE, first.message, first.ticket)
    assert Message.objects.count() == 1


def test_a_long_subject_is_still_the_same_mail(inbox: Inbox) -> None:
    for way in ("a", "b"):
        row = take(mail_of(subject="long " * 90, Message_ID="<1@halden.example>", Received=way), inbox)
    assert row.state == State.DUPLICATE


def test_another_mail_under_a_used_message_id_is_not_dropped(inbox: Inbox) -> None:
    take(mail_of(Message_ID="<1@halden.example>"), inbox)
    row = take(
        mail_of(Message_ID="<1@halden.example>", sender="eve@other.example", subject="Something else"), inbox
    )
    assert row.state == State.TICKET
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "from_missing"),
        (b"\x00\xff" * 500, "from_missing"),
        (mail_of(sender="a@x.example, b@x.example"), "from_not_one_mailbox"),
        (mail_of(sender="a@["), "from_not_one_mailbox"),
        (mail_of(X="y" * 70_000), "header_too_long"),
    ],
)
def test_a_mail_that_cannot_be_read_is_set_aside_with_its_raw_text(
    inbox: Inbox, raw: bytes, word: str
) -> None:
    row = take(raw, inbox)
    assert row.state == State.QUARANTINED
    assert row.error.startswith(word)
    assert read_file(row.storage_key) == raw
    assert Ticket.objects.count() == 0
    assert Event.objects.filter(verb="tickets.mail_quarantined", subject_id=row.pk).count() == 1


def test_what_the_receiving_service_refuses_is_set_aside(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**kwargs: Any) -> None:
        raise ValidationError({"email": ["Enter a valid email address."]})

    monkeypatch.setattr(processing, "receive_message", refuse)
    row = take(mail_of(), inbox)
    assert (row.state, row.error) == (State.QUARANTINED, "not_acceptable: Enter a valid email address.")


def test_retry_of_a_quarantined_mail(inbox: Inbox, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes) -> Any:
        raise RuntimeError("a defect that a later version repairs")

    with monkeypatch.context() as patch:
        patch.setattr(processing, "parse_in_child", broken)
        row = take(mail_of(), inbox)
        assert (row.state, row.error.partition(":")[0]) == (State.QUARANTINED, "processing_error")
        assert retry_mail(ledger=row, by=viewer).state == State.QUARANTINED
    row = retry_mail(ledger=row, by=viewer)
    assert row.state == State.TICKET
    assert retry_mail(ledger=row, by=viewer).state == State.TICKET
    assert Ticket.objects.count() == 1
    assert Event.objects.filter(verb="tickets.mail_retried", actor_id=viewer.user_id).count() == 2


def test_who_may_not_edit_tickets_may_not_retry(inbox: Inbox, analyst: User) -> None:
    row = take(b"", inbox)
    with pytest.raises(PermissionDenied):
        retry_mail(ledger=row, by=analyst.as_viewer())


def test_a_person_can_take_spam_for_a_mail(inbox: Inbox, viewer: Viewer) -> None:
    row = take(mail_of(X_Spam_Flag="YES"), inbox)
    assert (row.state, Ticket.objects.count()) == (State.SPAM, 0)
    assert retry_mail(ledger=row, by=viewer).state == State.TICKET


def test_a_mail_whose_worker_dies_is_tried_again_and_then_set_aside(inbox: Inbox) -> None:
    row, _created = store_mail(raw=mail_of(), inbox=inbox)
    # A killed worker leaves the row leased and its attempt counted.
    MailLedger.objects.filter(pk=row.pk).update(
        attempts=1, leased_until=timezone.now() + timedelta(seconds=60)
    )
    assert process_waiting_mail() == 0
    MailLedger.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    assert process_waiting_mail() == 1
    row.refresh_from_db()
    assert row.state == State.TICKET
    poison, _created = store_mail(raw=mail_of(subject="poison"), inbox=inbox)
    MailLedger.objects.filter(pk=poison.pk).update(attempts=3)
    assert process_mail(ledger_id=poison.pk).error.startswith("gave_up")


class TooMuch(Exception):
    """As the driver tells of a limit of PostgreSQL."""

    sqlstate = "54000"


def _too_much() -> Exception:
    error = OperationalError("string is too long for tsvector")
    error.__cause__ = TooMuch()
    return error


@pytest.mark.parametrize(
    "trouble",
    [DataError("out of range"), _too_much(), OSError("no such device"), SoftTimeLimitExceeded("too long")],
    ids=["data", "limit", "file", "time"],
)
def test_a_mail_that_fails_each_time_is_set_aside_and_the_others_go_on(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    rows = [
        store_mail(raw=mail_of(subject=subject, Message_ID=f"<{subject}@x.example>"), inbox=inbox)[0]
        for subject in ("poison", "plain")
    ]
    index = receiving.index_new_messages

    def fail(messages: Any, **kind: Any) -> None:
        index(messages, **kind)
        if any(message.subject == "poison" for message, _files in messages):
            raise trouble

    monkeypatch.setattr(receiving, "index_new_messages", fail)
    for _run in range(2):
        with pytest.raises(type(trouble)):
            process_waiting_mail()
    process_waiting_mail()
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == [State.QUARANTINED, State.TICKET]
    assert str(trouble) in rows[0].error


def test_a_full_disk_is_no_fault_of_a_mail(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    row, _created = store_mail(raw=mail_of(), inbox=inbox)

    def full(*_all: Any, **_fields: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "index_new_messages", full)
        for _run in range(5):
            with pytest.raises(OSError, match="No space"):
                process_waiting_mail()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)


def test_a_stretch_of_mails_gives_each_its_own_fate(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    raws = [mail_of(subject=f"number {number}", Message_ID=f"<{number}@x.example>") for number in range(5)]
    rows = [store_mail(raw=raw, inbox=inbox)[0] for raw in [*raws, b"\x00 no sender"]]
    MailLedger.objects.filter(pk=rows[1].pk).update(attempts=1)  # its worker was killed before
    index = receiving.index_new_messages

    def fail(messages: Any, **kind: Any) -> None:
        index(messages, **kind)
        if any(message.subject == "number 3" for message, _files in messages):
            raise OperationalError("database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "index_new_messages", fail)
        with pytest.raises(OperationalError):
            process_waiting_mail()
    states = list(MailLedger.objects.order_by("pk").values_list("state", "attempts", "leased_until"))
    # What was to be written together waits together.
    assert [state for state, _attempts, _lease in states] == ["ticket"] * 2 + ["received"] * 4
    assert [attempts for _state, attempts, _lease in states] == [1, 2, 0, 0, 0, 0]
    assert {lease for _state, _attempts, lease in states} == {None}
    assert process_waiting_mail() == 4
    assert MailLedger.objects.get(pk=rows[5].pk).state == State.QUARANTINED
    subjects = Ticket.objects.order_by("number").values_list("subject", flat=True)
    assert list(subjects) == [f"number {number}" for number in range(5)]


def test_mails_come_back_when_the_time_is_over(inbox: Inbox) -> None:
    for number in range(3):
        store_mail(raw=mail_of(subject=str(number)), inbox=inbox)
    assert process_waiting_mail(until=timezone.now() - timedelta(seconds=1)) == 0
    assert process_waiting_mail(limit=2) == 2
    assert set(MailLedger.objects.filter(state=State.RECEIVED).values_list("attempts", "leased_until")) == {
        (0, None)
    }


def test_a_failure_inside_leaves_nothing_behind(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    row, _created = store_mail(raw=mail_of(In_Reply_To="<0@x.example>"), inbox=inbox)

    receive = processing.receive_message

    def fail(**fields: Any) -> None:
        receive(**fields)
        raise OperationalError("database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(processing, "receive_message", fail)
        with pytest.raises(OperationalError):
            process_mail(ledger_id=row.pk)
    assert (Ticket.objects.count(), Message.objects.count(), MessageAlias.objects.count()) == (0, 0, 0)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.leased_until) == (State.RECEIVED, 0, None)
    assert process_mail(ledger_id=row.pk).state == State.TICKET


def test_two_workers_make_one_ticket(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    row, _created = store_mail(raw=mail_of(), inbox=inbox)
    parse = parser_process.parse_in_child

    def overtaken(raw: bytes) -> Any:
        """While this worker parses, its lease runs out and another one finishes the mail."""
        mail = parse(raw)
        monkeypatch.setattr(processing, "parse_in_child", parse)
        MailLedger.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
        process_mail(ledger_id=row.pk)
        return mail

    monkeypatch.setattr(processing, "parse_in_child", overtaken)
    assert process_mail(ledger_id=row.pk).state == State.TICKET
    assert Ticket.objects.count() == Message.objects.count() == 1


def test_automatic_mail_opens_a_ticket_that_waits_for_nobody(inbox: Inbox) -> None:
    row = take(mail_of(sender="alerts@halden.example", Auto_Submitted="auto-generated"), inbox)
    assert row.state == State.TICKET
    assert row.message is not None
    assert row.message.is_automatic


def test_a_form_on_our_own_site_names_the_customer_in_reply_to(inbox: Inbox, contact: Contact) -> None:
    row = take(mail_of(sender="support@desk.example", Reply_To="mette@halden.example"), inbox)
    assert row.ticket is not None
    assert row.ticket.contact == contact


@pytest.mark.skipif(connection.vendor != "postgresql", reason="commits of SQLite always wait for the disk")
@pytest.mark.django_db(transaction=True)
def test_what_waits_for_no_disk_leaves_no_setting_with_the_session(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[str] = []
    between: list[str] = []
    look = processing.waiting_mails

    def seen(where: list[str], call: Any) -> Any:
        def noted(**fields: Any) -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SHOW synchronous_commit")
                where.append(cursor.fetchone()[0])
            return call(**fields)

        return noted

    for number in range(3):
        answered = "<0@x.example>" if number == 2 else ""
        raw = mail_of(subject=f"number {number}", Message_ID=f"<{number}@x.example>", In_Reply_To=answered)
        store_mail(raw=raw, inbox=inbox)
    # Two are opened together, the answer alone.
    monkeypatch.setattr(open_together, "receive_new", seen(inside, open_together.receive_new))
    monkeypatch.setattr(processing, "receive_message", seen(inside, processing.receive_message))
    # Behind a pooler the next transaction may be somebody else's.
    monkeypatch.setattr(f"{process_waiting_mail.__module__}.waiting_mails", seen(between, look))
    assert process_waiting_mail() == 3
    assert (inside, set(between)) == (["off"] * 2, {"on"})
