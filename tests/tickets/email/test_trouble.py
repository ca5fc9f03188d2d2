"""The database fails while a mail is processed: an outage sets none aside, a mail that brings it about keeps no other waiting."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, OperationalError
from django.utils import timezone

from tests.tickets.email.mails import mail_of
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.retry_mail import retry_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Inbox, MailLedger
from tickets.services import receive_message as receiving

pytestmark = pytest.mark.django_db
SUBJECTS = ("plain", "poison", "later")


class Told(Exception):
    """What the driver says."""

    def __init__(self, sqlstate: str = "", sqlite_errorcode: int = 0) -> None:
        self.sqlstate, self.sqlite_errorcode = sqlstate, sqlite_errorcode


def database_error(kind: type[DatabaseError] = OperationalError, **told: Any) -> DatabaseError:
    error = kind("the database said no")
    error.__cause__ = Told(**told)
    return error


@pytest.fixture
def waiting(inbox: Inbox) -> None:
    for subject in SUBJECTS:
        store_mail(raw=mail_of(subject=subject, Message_ID=f"<{subject}@x.example>"), inbox=inbox)


def fail_at(monkeypatch: pytest.MonkeyPatch, error: Exception, *subjects: str) -> None:
    index = receiving.index_new_messages

    def fail(messages: Any, **kind: Any) -> None:
        index(messages, **kind)
        if any(message.subject in subjects for message, _files in messages):
            raise error

    monkeypatch.setattr(receiving, "index_new_messages", fail)


def work(*, minutes: int) -> None:
    """As the worker does, twice a minute."""
    start = timezone.now()
    for run in range(minutes * 2):
        with time_machine.travel(start + timedelta(seconds=30 * run)):
            try:
                process_waiting_mail()
            except DatabaseError:
                continue


def states() -> list[str]:
    return list(MailLedger.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize("told", [{}, {"sqlstate": "53200"}, {"sqlstate": "40P01"}, {"sqlite_errorcode": 1}])
def test_a_mail_that_the_database_fails_at_each_time_lets_others_pass_and_is_set_aside(
    inbox: Inbox, waiting: None, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], lead_user: Any
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, database_error(**told), "poison")
        work(minutes=3)
        assert states() == ["ticket", "received", "received"]
        with time_machine.travel(timezone.now() + timedelta(minutes=3)):
            work(minutes=8)
    rows = list(MailLedger.objects.order_by("pk"))
    assert [row.state for row in rows] == ["ticket", "quarantined", "ticket"]
    assert rows[1].error.startswith("gave_up: OperationalError")
    assert retry_mail(ledger=rows[1], by=lead_user.as_viewer()).state == "ticket"


@pytest.mark.parametrize(
    "error",
    [
        database_error(),
        database_error(sqlstate="57P03"),
        database_error(DatabaseError, sqlstate="25006"),
        database_error(sqlite_errorcode=13),
    ],
    ids=["lost", "starting", "read-only", "full"],
)
def test_an_outage_sets_no_mail_aside(
    inbox: Inbox, waiting: None, monkeypatch: pytest.MonkeyPatch, error: DatabaseError
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, error, *SUBJECTS)
        work(minutes=8)
    assert set(states()) == {"received"}
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert process_waiting_mail() == 3
    assert set(states()) == {"ticket"}
