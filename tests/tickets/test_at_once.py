"""Several writers at the same moment: nothing twice, nothing lost, on either database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from customers.models import Contact, ContactIdentity
from people.viewer import system_viewer
from tests.conftest import make_user
from tickets.models import Message, Ticket
from tickets.services.assign_ticket import assign_automatically
from tickets.services.receive_message import IncomingMessage, receive_message
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.ticket_rows import lock_ticket, save_ticket


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls in threads of their own connections and return their results."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def incoming(number: int) -> IncomingMessage:
    """A message of a person nobody knows yet; three senders share each id."""
    return IncomingMessage(
        channel="chat", sender_address="new@acme.example", text="Hello", external_id=f"id-{number // 3}"
    )


@pytest.mark.django_db(transaction=True)
def test_same_message_delivered_three_times_at_once_is_one_ticket() -> None:
    by = system_viewer("mail")
    received = at_once(
        [lambda number=number: receive_message(incoming=incoming(number), by=by) for number in range(6)]  # type: ignore[misc]
    )
    assert sorted(one.outcome for one in received) == ["created"] * 2 + ["duplicate"] * 4
    assert Ticket.objects.count() == Message.objects.count() == 2
    assert Contact.objects.count() == ContactIdentity.objects.count() == 1
    assert len(set(Ticket.objects.values_list("number", flat=True))) == 2


@pytest.mark.django_db(transaction=True)
def test_form_sent_twice_at_once_is_one_answer() -> None:
    viewer = make_user("agent", "Priya Raman").as_viewer()
    ticket = receive_message(incoming=incoming(0), by=system_viewer("mail")).ticket
    answers = at_once([lambda: reply_to_ticket(ticket=ticket, body="Hi", by=viewer, token="form")] * 3)
    assert len({answer.pk for answer in answers}) == 1
    assert Message.objects.filter(kind="outbound").count() == 1


@pytest.mark.django_db(transaction=True)
def test_assignments_at_once_count_each_other() -> None:
    from django.db import transaction

    from people.models import Team

    team = Team.objects.create(name="Billing")
    for name in ("Priya Raman", "Tom Beck", "Ida Lund"):
        user = make_user("agent", name, capacity=1)
        team.memberships.create(user=user)
    tickets = [
        receive_message(incoming=incoming(3 * number), by=system_viewer("mail")).ticket for number in range(4)
    ]
    Ticket.objects.update(team=team, routing_state="routed")

    def assign(pk: int) -> bool:
        with transaction.atomic():
            ticket = lock_ticket(pk)
            taken = assign_automatically(ticket, by=system_viewer("task"))
            save_ticket(ticket)
        return taken

    taken = at_once([lambda pk=ticket.pk: assign(pk) for ticket in tickets])  # type: ignore[misc]
    assert sorted(taken) == [False, True, True, True]
    assert Ticket.objects.exclude(assignee=None).values("assignee").distinct().count() == 3
