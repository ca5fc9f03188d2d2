"""The last touch of an account: who wrote and was answered, but no answer that was taken back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from customers.models import Account
from customers.services.log_touch import log_touch
from people.models import User
from people.viewer import Viewer
from tickets.models import Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.undo_answer import undo_answer

pytestmark = pytest.mark.usefixtures("minds")
Pump = Callable[[], int]


def last_touch(account: Account) -> object:
    account.refresh_from_db()
    return account.last_touch_at


def test_an_answer_taken_back_before_it_was_counted_is_no_touch(
    ticket: Ticket, account: Account, viewer: Viewer, pump: Pump
) -> None:
    pump()
    asked = Message.objects.get().created_at
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, undo_seconds=30)
    undo_answer(message=answer, by=viewer)
    pump()
    assert last_touch(account) == asked


def test_an_answer_taken_back_afterwards_gives_the_touch_before_it_back(
    ticket: Ticket, account: Account, viewer: Viewer, pump: Pump
) -> None:
    first = reply_to_ticket(ticket=ticket, body="Here it is.", by=viewer)
    second = reply_to_ticket(ticket=ticket, body="Too much", by=viewer, undo_seconds=30)
    pump()
    assert last_touch(account) == second.created_at
    undo_answer(message=second, by=viewer)
    pump()
    assert last_touch(account) == first.created_at


def test_what_was_logged_meanwhile_stays(
    ticket: Ticket, account: Account, viewer: Viewer, csm: User, pump: Pump
) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, undo_seconds=30)
    pump()
    call = log_touch(account=account, kind="call", text="", by=csm.as_viewer())
    undo_answer(message=answer, by=viewer)
    pump()
    assert last_touch(account) == call.occurred_at


def test_a_call_before_the_answer_is_found_again(
    ticket: Ticket, account: Account, viewer: Viewer, csm: User, pump: Pump
) -> None:
    Message.objects.update(created_at=Message.objects.get().created_at - timedelta(days=2))
    call = log_touch(account=account, kind="call", text="", by=csm.as_viewer())
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, undo_seconds=30)
    pump()
    assert last_touch(account) == answer.created_at
    undo_answer(message=answer, by=viewer)
    pump()
    assert last_touch(account) == call.occurred_at
