"""The event log over REST: in order, from any place, and only what the key or person may see."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import Event
from core.sequencing import sequence_events
from core.services.erase_details import erase_details
from customers.models import Account
from customers.services.save_account import create_account, update_account
from people.models import Team, User
from people.viewer import system_viewer
from tests.tickets.conftest import lawyer, private_team, write
from tickets.models import Ticket
from tickets.services.link_tickets import link_tickets

__all__ = ["lawyer", "private_team", "write"]

EVENTS = "/api/v1/events/"


@pytest.fixture
def told(write: Callable[..., Any], account: Account) -> Ticket:
    """A ticket, and a customer who was changed."""
    ticket: Ticket = write().ticket
    update_account(account=account, values={"seats": 7}, by=system_viewer())
    sequence_events()
    return ticket


def test_it_is_read_in_order_and_goes_on(api: Callable[..., APIClient], told: Ticket) -> None:
    client = api("tickets:read", "accounts:read")
    every = client.get(EVENTS).data
    types = [row["type"] for row in every["results"]]
    assert types[:2] == ["tickets.created", "tickets.message_received"]
    assert types[-1] == "customers.account_changed"
    assert every["results"][-1]["detail"] == {"changed": {"seats": [210, 7]}}
    places = [row["sequence"] for row in every["results"]]
    assert places == sorted(places)
    read, after, more = [], 0, True
    while more:
        page = client.get(EVENTS, {"after": after, "limit": 1}).data
        read += [row["sequence"] for row in page["results"]]
        after, more = page["next_after"], page["has_more"]
    assert read == places
    assert client.get(EVENTS, {"after": after}).data == {
        "next_after": after,
        "has_more": False,
        "results": [],
    }
    create_account(values={"name": "Birch"}, by=system_viewer())
    sequence_events()
    later = client.get(EVENTS, {"after": after, "fields": "type,account"}).data["results"]
    assert later == [{"type": "customers.account_created", "account": Account.objects.latest("pk").pk}]


def test_each_key_reads_its_scopes(api: Callable[..., APIClient], told: Ticket) -> None:
    def types(*scopes: str, **query: Any) -> set[str]:
        return {row["type"] for row in api(*scopes).get(EVENTS, query).data["results"]}

    assert types("tickets:read") == {"tickets.created", "tickets.message_received"}
    assert types("accounts:write") == {"customers.account_changed"}
    assert types("tickets:read", "accounts:read", type="customers.*") == {"customers.account_changed"}
    assert types("tickets:read", type="tickets.created,customers.*") == {"tickets.created"}
    assert types("tickets:read", ticket=told.pk + 1) == set()
    # Logins, settings and keys stay inside, whatever is asked.
    refused = api("tickets:read").get(EVENTS, {"type": "people.*"})
    assert (refused.status_code, list(refused.data["errors"])) == (400, ["type"])
    assert api("usage:write").get(EVENTS).status_code == 403


def test_a_private_team_keeps_its_tickets(
    login: Callable[[User], Any], told: Ticket, private_team: Team, lawyer: User, agent: User, write: Any
) -> None:
    other = write(sender="jo@gmail.com").ticket
    link_tickets(ticket=other, other=told, role="related", by=system_viewer())
    Ticket.objects.filter(pk=told.pk).update(team=private_team)
    sequence_events()

    def rows(user: User) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = login(user).get(EVENTS).json()["results"]
        return found

    assert told.pk in {row["ticket"] for row in rows(lawyer)}
    seen = rows(agent)
    assert told.pk not in {row["ticket"] for row in seen}
    [linked] = [row for row in seen if row["type"] == "tickets.linked" and row["ticket"] == other.pk]
    assert linked["detail"] is None
    [whole] = [row for row in rows(lawyer) if row["sequence"] == linked["sequence"]]
    assert whole["detail"] is not None


def test_what_was_erased_is_told_to_nobody(api: Callable[..., APIClient], told: Ticket) -> None:
    erase_details(events=Event.objects.filter(verb="customers.account_changed"))
    [row] = api("accounts:read").get(EVENTS, {"type": "customers.account_changed"}).data["results"]
    assert row["detail"] is None
