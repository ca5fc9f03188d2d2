"""Mails that wait together: written together where that is possible, with the fate that each would have had alone."""

import errno
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Event, SearchDocument
from customers.models import Account, Contact
from tests.tickets.email.mails import mail_of, take
from tickets.channels.email import parser_process
from tickets.channels.email.parser_process import ParserProcess
from tickets.channels.email.services import open_together as opening
from tickets.channels.email.services import process_waiting_mail as working
from tickets.channels.email.services.process_mail import process_mail
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.channels.email.thread_tokens import reply_address
from tickets.models import Attachment, Inbox, MailLedger, Message, MessageAlias, Ticket
from tickets.services import receive_message as receiving

pytestmark = pytest.mark.django_db
State = MailLedger.State
FILES = {
    "MIME_Version": "1.0",
    "Content_Type": 'multipart/mixed; boundary="b"',
    "body": "--b\r\n\r\nSee files\r\n"
    "--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n1\r\n"
    "--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=b.csv\r\n\r\n2\r\n--b--",
}


def question(number: int, **headers: str) -> bytes:
    """A mail that opens a ticket."""
    return mail_of(f"Person {number} <person{number}@firm.example>", f"Question {number}",
                   Message_ID=f"<{number}@firm.example>", **headers)  # fmt: skip


def store(raws: list[bytes], inbox: Inbox) -> list[MailLedger]:
    """Let mails wait."""
    return [store_mail(raw=raw, inbox=inbox)[0] for raw in raws]


def world() -> dict[str, list[Any]]:
    """Everything that mails leave behind, without the numbers of rows."""
    numbers = dict(Ticket.objects.values_list("pk", "number"))
    ids = dict(Message.objects.values_list("pk", "external_id"))
    return {
        "ledger": list(MailLedger.objects.order_by("pk").values_list(
            "state", "subject", "sender", "header_id", "error", "attempts", "leased_until", "ticket__number",
            "message__external_id",
        )),
        "tickets": list(Ticket.objects.order_by("number").values_list(
            "number", "subject", "contact__name", "account__name", "inbox__name", "created_at", "waiting_since",
            "inbound_count", "last_message_preview", "first_response_due_at", "sla_policy", "value_at_risk",
        )),
        "messages": list(Message.objects.order_by("pk").values_list(
            "ticket__number", "external_id", "body_text", "is_automatic", "facts", "recipients", "created_at",
        )),
        "files": list(Attachment.objects.order_by("pk").values_list("message__external_id", "name", "sha256")),
        "aliases": sorted(MessageAlias.objects.values_list("message_id", "ticket__number")),
        "contacts": list(Contact.objects.order_by("pk").values_list(
            "name", "account__name", "is_verified", "identities__value",
        )),
        "documents": sorted(
            (one.kind, numbers[one.stream_id], ids.get(one.object_id, "") if one.kind == "message" else "")
            for one in SearchDocument.objects.all()
        ),
        "events": sorted(
            (event.verb, event.actor_kind, numbers.get(event.ticket_id or 0, 0), event.account_id or 0, event.source)
            for event in Event.objects.all()
        ),
    }  # fmt: skip


def test_each_mail_has_the_fate_it_would_have_alone(inbox: Inbox, contact: Contact) -> None:
    Account.objects.create(name="Firm", domain="firm.example", value_at_risk=5)
    known = take(mail_of(Message_ID="<known@halden.example>", References="<0@halden.example>"), inbox)
    assert known.ticket is not None
    raws = [
        question(1),
        mail_of("person1@firm.example", "Without an id"),
        question(2, **FILES),
        mail_of("person1@firm.example", "Re: Question 1", In_Reply_To="<1@firm.example>", Message_ID="<r@firm.example>"),
        question(3, References="<shared@list.example>"),
        question(4, References="<shared@list.example>"),
        mail_of("Eve <eve@else.example>", "Another mail under a used id", Message_ID="<1@firm.example>"),
        mail_of("Person 1 <person1@firm.example>", "Question 1", Message_ID="<1@firm.example>", Received="by another way"),
        question(5, Auto_Submitted="auto-generated"),
        question(6, Auto_Submitted="auto-replied", In_Reply_To="<1@firm.example>"),
        question(7, X_Spam_Flag="YES"),
        b"\x00 no sender",
        question(8, References="<0@halden.example>"),
        mail_of(subject=f"[#{known.ticket.number}] and more", Message_ID="<n@halden.example>"),
        mail_of(To=reply_address("support@desk.example", known.ticket.reference), Message_ID="<s@halden.example>"),
        mail_of("support@desk.example", "Form", Reply_To="person9@firm.example", Message_ID="<f@desk.example>"),
        *[question(number) for number in range(10, 40)],
    ]  # fmt: skip
    rows = store(raws, inbox)
    assert len(rows) == len({row.pk for row in rows}) == len(raws)
    with transaction.atomic():
        for row in rows:
            process_mail(ledger_id=row.pk)
        alone = world()
        transaction.set_rollback(True)
    assert process_waiting_mail() == len(raws)
    assert world() == alone
    assert {state for state, *_rest in alone["ledger"]} == {
        State.TICKET, State.APPENDED, State.DUPLICATE, State.SPAM, State.AUTO_REPLY, State.QUARANTINED,
    }  # fmt: skip


def test_many_mails_take_few_queries(inbox: Inbox) -> None:
    counts = []
    for size in (3, 15):
        first = MailLedger.objects.count()
        store([question(number) for number in range(first, first + size)], inbox)
        with CaptureQueriesContext(connection) as queries:
            assert process_waiting_mail() == size
        counts.append(len(queries))
    assert Ticket.objects.count() == 18
    # The index of SQLite takes two statements for each text.
    more = 12 * 4 if connection.vendor == "sqlite" else 0
    assert counts[1] - counts[0] <= more


def test_a_mail_that_cannot_be_written_costs_only_itself(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = store([question(number) for number in range(6)], inbox)
    index = receiving.index_new_messages

    def fail(messages: Any, **kind: Any) -> None:
        index(messages, **kind)
        if any(message.subject == "Question 3" for message, _files in messages):
            raise ValueError("nobody foresaw it")

    monkeypatch.setattr(receiving, "index_new_messages", fail)
    assert process_waiting_mail() == 6
    [bad] = MailLedger.objects.filter(state=State.QUARANTINED)
    assert (bad.pk, bad.error) == (rows[3].pk, "processing_error: ValueError: nobody foresaw it")
    subjects = Ticket.objects.order_by("number").values_list("subject", flat=True)
    assert list(subjects) == [f"Question {number}" for number in (0, 1, 2, 4, 5)]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    process = ParserProcess(module="tests.tickets.email.stuck_parser")
    monkeypatch.setattr(parser_process, "_shared", process)
    yield
    process.close()


@pytest.mark.usefixtures("stuck")
def test_a_mail_that_kills_the_parser_costs_only_itself(inbox: Inbox) -> None:
    raws = [question(number) for number in range(6)]
    raws[2] = mail_of("eve@else.example", "Poison", "please die", Message_ID="<p@else.example>")
    rows = store(raws, inbox)
    assert process_waiting_mail() == 6
    [bad] = MailLedger.objects.filter(state=State.QUARANTINED)
    assert (bad.pk, bad.error.partition(":")[0]) == (rows[2].pk, "parser_died")
    assert Ticket.objects.count() == Message.objects.count() == 5


def test_a_worker_that_ends_in_the_middle_leaves_nothing_half_done(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = store([question(number) for number in range(6)], inbox)
    receive = opening.receive_new

    def end(**fields: Any) -> None:
        receive(**fields)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(opening, "receive_new", end)
        with pytest.raises(SystemExit):
            process_waiting_mail()
    assert [model.objects.count() for model in (Ticket, Message, MessageAlias, Contact)] == [0] * 4
    assert set(MailLedger.objects.values_list("state", "attempts", "leased_until")) == {("received", 0, None)}
    assert process_waiting_mail() == len(rows)
    assert sorted(Message.objects.values_list("external_id", flat=True)) == [
        f"<{number}@firm.example>" for number in range(6)
    ]


def test_mails_that_another_worker_has_finished_are_not_opened_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While this worker reads, its leases run out and another one takes two of its mails."""
    rows = store([question(number) for number in range(6)], inbox)
    seen: list[int] = []
    open_all = opening.open_together

    def overtaken(mails: Any) -> int:
        if not seen:
            seen.append(len(mails))
            for row in (rows[1], rows[4]):
                MailLedger.objects.filter(pk=row.pk).update(leased_until=None)
                process_mail(ledger_id=row.pk)
        return open_all(mails)

    monkeypatch.setattr(working, "open_together", overtaken)
    process_waiting_mail()
    assert seen == [6]
    assert set(MailLedger.objects.values_list("state", flat=True)) == {"ticket"}
    assert Ticket.objects.count() == Message.objects.count() == 6


def test_a_second_worker_leaves_the_order_of_an_inbox(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail far behind answers one that another worker has and has not written yet; other inboxes go on meanwhile."""
    other = Inbox.objects.create(name="Sales", address="sales@desk.example")
    first = [question(number) for number in range(40)]
    reply = mail_of("person7@firm.example", "Re: Question 7", In_Reply_To="<7@firm.example>",
                    Message_ID="<r@firm.example>")  # fmt: skip
    store([*first, reply], inbox)
    store([question(number) for number in range(50, 55)], other)
    done: list[int] = []
    open_all = opening.open_together

    def meanwhile(mails: Any) -> int:
        if not done:
            done.append(0)
            done[0] = process_waiting_mail()
        return open_all(mails)

    monkeypatch.setattr(working, "open_together", meanwhile)
    assert process_waiting_mail() == 41
    assert done == [5]
    assert Ticket.objects.count() == 45
    assert MailLedger.objects.get(header_id="<r@firm.example>").state == State.APPENDED


def test_the_mails_of_a_dead_worker_hold_up_their_inbox_for_the_lease_only(inbox: Inbox) -> None:
    rows = store([question(number) for number in range(4)], inbox)
    until = timezone.now() + timedelta(seconds=20)
    MailLedger.objects.filter(pk=rows[1].pk).update(leased_until=until, attempts=1)
    assert process_waiting_mail() == 1
    with time_machine.travel(until + timedelta(seconds=1)):
        assert process_waiting_mail() == 3
    assert set(MailLedger.objects.values_list("state", flat=True)) == {"ticket"}


@pytest.mark.parametrize(
    "error", [SoftTimeLimitExceeded(), OSError(errno.ENOSPC, "disk full"), OperationalError("gone")]
)
@pytest.mark.parametrize("where", ["together", "alone"])
def test_trouble_of_the_machine_is_not_taken_for_one_of_a_mail(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    rows = store([question(number) for number in range(6 if where == "together" else 1)], inbox)
    calls: list[int] = []

    def fail(*_words: Any, **_more: Any) -> None:
        calls.append(1)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "index_new_messages", fail)
        with pytest.raises(type(error)):
            process_waiting_mail()
    assert calls == [1]
    # Which mail took the time nobody knows: the attempt counts.
    attempts = int(isinstance(error, SoftTimeLimitExceeded))
    left = set(MailLedger.objects.values_list("state", "attempts", "leased_until"))
    assert left == {("received", attempts, None)}
    assert process_waiting_mail() == len(rows)
    assert set(MailLedger.objects.values_list("state", flat=True)) == {"ticket"}
