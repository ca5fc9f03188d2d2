"""How many statements a page costs: recorded, so that a page that grows fails here before anybody feels it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from people.models import User
from tickets.models import Draft, Message, Ticket
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket

# A ticket opened in the list; session, user, viewer and teams included.
CONVERSATION = 16


def statements(browser: Client, address: str) -> list[str]:
    """The SQL of one request."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address, headers={"HX-Request": "true"}).status_code == 200
    return [query["sql"] for query in queries]


@pytest.fixture
def long_ticket(write: Callable[..., Received], agent: User) -> Ticket:
    """A conversation with everything in it: answers, notes, a draft, an answer that waits, a scheduled one."""
    ticket = write().ticket
    for number in range(6):
        write(
            f"More {number}",
            ticket=ticket,
            recipients={"to": [], "cc": [{"name": "", "address": f"c{number}@x.example"}]},
        )
        reply_to_ticket(ticket=ticket, body=f"Answer {number}", by=agent.as_viewer())
    now = timezone.now()
    for state, kind in (("draft", "reply"), ("draft", "note"), ("scheduled", "reply")):
        Draft.objects.create(
            ticket=ticket, user=agent, kind=kind, state=state, body="x", send_at=now + timedelta(days=1),
            created_at=now, updated_at=now,
        )  # fmt: skip
    return ticket


def test_opening_a_ticket_costs_a_constant_number(long_ticket: Ticket, agent: User, login: Any) -> None:
    browser = login(agent)
    browser.get("/inbox/")
    found = statements(browser, f"/inbox/{long_ticket.pk}/conversation/")
    assert len(found) <= CONVERSATION, "\n".join(found)
    Message.objects.filter(ticket=long_ticket).delete()
    assert len(found) >= len(statements(browser, f"/inbox/{long_ticket.pk}/conversation/"))
