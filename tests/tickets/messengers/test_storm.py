"""Any order and any number of repetitions lead to the same state. ``bench/channel_events.py`` has the long form."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction

from core.outbox import send_due
from customers.identities import Identity
from people.models import User
from tests.tickets.messengers.storm import BEGAN, Desk, differences, state_of, storm, story
from tests.tickets.providers import FakeProvider, running_provider
from tickets.channel import MessageArrival, ReadingArrival
from tickets.models import Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.take_payload import apply_arrivals

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings: Any) -> Iterator[FakeProvider]:
    """The Bot API and the Graph API on this machine."""
    with running_provider(settings, "telegram", "meta") as found:
        yield found


def test_a_storm_leads_to_what_order_leads_to(provider: FakeProvider) -> None:
    told = story(chats=8, rounds=4, seed=3)
    desk = Desk(provider)
    states = []
    for rounds in (told, storm(told, seed=5)):
        before = transaction.savepoint()
        made = desk.live_through(rounds)
        states.append(state_of(list(desk.inboxes.values())))
        transaction.savepoint_rollback(before)
    assert made > 2 * sum(len(one.calls) for one in told)
    assert Ticket.objects.count() == 0
    in_order, in_a_storm = states
    assert len(in_order) == 9
    assert not list(differences(in_order, in_a_storm))


def arrival(number: int, minutes: float, text: str = "Help") -> MessageArrival:
    """A message of Rosa."""
    return MessageArrival(
        thread_key="4711", message_id=f"4711:{number}", sender=Identity("handle", "telegram:4711"), text=text,
        occurred_at=BEGAN + timedelta(minutes=minutes), sender_name="Rosa",
    )  # fmt: skip


@pytest.fixture
def bot(provider: FakeProvider) -> Inbox:
    """An inbox of a bot."""
    return Desk(provider).inboxes["bot"]


def test_a_message_that_an_agent_did_not_know_makes_the_customer_wait(bot: Inbox, agent: User) -> None:
    with time_machine.travel(BEGAN + timedelta(hours=1), tick=True):
        apply_arrivals(inbox=bot, arrivals=[arrival(2, 10, "And the key")])
        ticket = Ticket.objects.get()
        reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=agent.as_viewer())
        apply_arrivals(inbox=bot, arrivals=[arrival(1, 5, "The door")])
    ticket.refresh_from_db()
    assert (ticket.subject, ticket.created_at) == ("The door", BEGAN + timedelta(minutes=5))
    assert (ticket.unread, ticket.waiting_since, ticket.status_id) == (
        True,
        BEGAN + timedelta(minutes=5),
        "open",
    )
    assert (ticket.last_message_inbound, ticket.last_message_preview) == (False, "Here it is.")


def test_a_subject_that_does_not_come_from_the_message_stays(bot: Inbox) -> None:
    apply_arrivals(inbox=bot, arrivals=[arrival(2, 10, "And the key")])
    Ticket.objects.update(subject="Lock of the main door")
    apply_arrivals(inbox=bot, arrivals=[arrival(1, 5, "The door")])
    assert Ticket.objects.get().subject == "Lock of the main door"


@pytest.mark.parametrize("known_first", [True, False])
def test_a_moment_until_which_all_was_read_reaches_the_answers_before_it(
    bot: Inbox, agent: User, known_first: bool
) -> None:
    with time_machine.travel(BEGAN, tick=False) as clock:
        apply_arrivals(inbox=bot, arrivals=[arrival(1, 0)])
        ticket = Ticket.objects.get()
        reading = ReadingArrival("4711", "read", BEGAN + timedelta(minutes=5))
        reply_to_ticket(ticket=ticket, body="First", by=agent.as_viewer())
        if not known_first:
            apply_arrivals(inbox=bot, arrivals=[reading])
        send_due()
        clock.shift(timedelta(minutes=10))
        reply_to_ticket(ticket=ticket, body="Second", by=agent.as_viewer())
        send_due()
        apply_arrivals(inbox=bot, arrivals=[reading])
    found = Message.objects.filter(kind="outbound").order_by("pk").values_list("delivery", flat=True)
    assert list(found) == ["read", "sent"]
