"""What customers say, counted: page, board, CSV and REST say the same, and nobody is told of tickets that they may not open."""

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Account, Contact
from people.models import Team, User
from tickets.models import Category, ConversationSignal, Message, Ticket

Login = Callable[[User], Client]
Say = Callable[..., ConversationSignal]
PAGE = "/insights/signals/"
BOARD = "/insights/signals/feature_request/"


@pytest.fixture
def say(db: None) -> Say:
    """``say("bug", account=…)`` stores what a message of a new ticket says."""

    def make(
        kind: str,
        *,
        account: Account | None = None,
        at: datetime | None = None,
        state: str = "open",
        source: str = "adapter/1",
        channel: str = "email",
        team: Team | None = None,
        category: Category | None = None,
    ) -> ConversationSignal:
        moment = at or timezone.now() - timedelta(hours=1)
        contact = Contact.objects.create(name="Somebody", account=account)
        number = 100 + Ticket.objects.count()
        ticket = Ticket.objects.create(
            number=number, subject=f"Wish {number}", channel=channel, contact=contact, account=account,
            status_id="open", status_category="open", created_at=moment, updated_at=moment,
            last_message_at=moment, team=team, category=category,
        )  # fmt: skip
        message = Message.objects.create(
            ticket=ticket, kind="inbound", channel=channel, contact=contact, body_text="…", created_at=moment
        )
        return ConversationSignal.objects.create(
            message=message, kind=kind, state=state, source=source, said_at=moment
        )

    return make


def counts(client: Any, query: str = "") -> dict[str, dict[str, Any]]:
    answer = client.get(f"/api/v1/insights/signals/?{query}")
    assert answer.status_code == 200, answer.content
    return {one["kind"]: one for one in answer.json()["kinds"]}


def test_counts_tell_what_is_valid_and_how_much_people_corrected(say: Say, api: Any) -> None:
    for state in ("open", "confirmed", "dismissed"):
        say("bug", state=state)
    say("bug", state="confirmed", source="person", channel="chat")
    say("bug", at=timezone.now() - timedelta(days=60))
    say("promise")
    told = counts(api("insights:read"))
    bug = told["bug"]
    assert (bug["count"], bug["read"], bug["dismissed"], bug["added"], bug["corrected"]) == (3, 3, 1, 1, 0.5)
    assert {one["group"]: one["count"] for one in bug["groups"]} == {"email": 2, "chat": 1}
    assert sum(one["count"] for one in bug["weeks"]) == 3
    assert told["churn"]["corrected"] is None
    assert "promise" not in told
    assert counts(api("insights:read"), "channel=chat")["bug"]["count"] == 1


def test_weeks_begin_on_monday_and_hold_what_was_said_in_them(say: Say, api: Any) -> None:
    now = timezone.now()
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    say("praise", at=monday - timedelta(seconds=1))
    say("praise", at=monday - timedelta(days=7))
    say("praise", at=monday - timedelta(days=7, seconds=1))
    weeks = counts(api("insights:read"), "period=60&timezone=UTC")["praise"]["weeks"]
    found = {one["week"]: one["count"] for one in weeks if one["count"]}
    assert found == {
        (monday - timedelta(days=7)).date().isoformat(): 2,
        (monday - timedelta(days=14)).date().isoformat(): 1,
    }


@pytest.mark.parametrize("by", ["channel", "category", "segment", "team"])
def test_groups_add_up_in_every_door(say: Say, lead_user: User, login: Login, api: Any, by: str) -> None:
    rich = Account.objects.create(name="Rich", tier="enterprise", arr=90_000)
    team = Team.objects.create(name="Product")
    category = Category.objects.create(name="Exports", team=team)
    for account in (rich, rich, None):
        say("bug", account=account, team=team if account else None, category=category if account else None)
    bug = counts(api("insights:read"), f"by={by}")["bug"]
    assert sum(one["count"] for one in bug["groups"]) == bug["count"] == 3
    browser = login(lead_user)
    html = browser.get(f"{PAGE}?by={by}").content.decode()
    rows = list(csv.DictReader(browser.get(f"{PAGE}export/?by={by}").content.decode().splitlines()))
    for one in bug["groups"]:
        assert one["name"] in html
        [line] = [row for row in rows if (row["kind"], row["by"], row["group"]) == ("bug", by, one["group"])]
        assert (line["name"], line["count"]) == (one["name"], str(one["count"]))
    assert sum(int(row["count"]) for row in rows if (row["kind"], row["by"]) == ("bug", "week")) == 3
    assert api("insights:read").get("/api/v1/insights/signals/?by=colour").status_code == 400


def test_the_board_ranks_by_value_and_leads_to_the_tickets(
    say: Say, lead_user: User, login: Login, api: Any
) -> None:
    small = Account.objects.create(name="Small", arr=1_000)
    large = Account.objects.create(name="Large", arr=90_000)
    wish = say("feature_request", account=small)
    say("feature_request", account=small, state="confirmed")
    say("feature_request", account=large)
    say("feature_request", account=large, state="dismissed")
    say("feature_request")
    say("bug", account=large)
    browser = login(lead_user)
    html = browser.get(BOARD).content.decode()
    assert html.index("Large") < html.index("Small") < html.index("No account")
    assert f'href="/inbox/{wish.message.ticket_id}/"' in html
    client = api("insights:read", "tickets:read", "accounts:read")
    rows = client.get("/api/v1/insights/signals/feature_request/accounts/").data["results"]
    assert [(one["name"], one["arr"], one["tickets"]) for one in rows] == [
        ("Large", "90000.00", 1), ("Small", "1000.00", 2), ("", None, 1),
    ]  # fmt: skip
    assert [one["is_confirmed"] for one in rows[1]["newest"]] == [True, False]
    lines = list(csv.DictReader(browser.get(f"{BOARD}export/").content.decode().splitlines()))
    assert [(one["account"], one["tickets"]) for one in lines] == [("Large", "1"), ("Small", "2"), ("", "1")]
    assert Decimal(lines[0]["arr"]) == large.arr
    assert browser.get("/insights/signals/promise/").status_code == 404
    assert client.get("/api/v1/insights/signals/odd/accounts/").status_code == 404


def test_who_may_not_open_a_ticket_is_not_told_of_it(
    say: Say, agent: User, csm: User, login: Login, api: Any
) -> None:
    hidden = Team.objects.create(name="Legal", is_private=True)
    own = Account.objects.create(name="Seen", arr=5)
    say("feature_request", account=Account.objects.create(name="Unseen", arr=9), team=hidden)
    mine = say("feature_request", account=own)
    Ticket.objects.filter(pk=mine.message.ticket_id).update(assignee=agent)
    html = login(agent).get(BOARD).content.decode()
    assert "Seen" in html
    assert "Unseen" not in html
    assert login(csm).get(BOARD).status_code == 403
    url = "/api/v1/insights/signals/feature_request/accounts/"
    assert api("insights:read").get(url).status_code == 403
    [row] = api("insights:read", "tickets:read").get(url).data["results"]
    assert (row["account"], row["name"], row["arr"], row["tickets"]) == (None, "", None, 2)


def test_the_number_of_queries_does_not_grow(say: Say, lead_user: User, login: Login) -> None:
    browser = login(lead_user)

    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert browser.get(url).status_code == 200
        return len(caught)

    say("feature_request", account=Account.objects.create(name="One", arr=1))
    for url in (PAGE, BOARD):
        browser.get(url)
    before = [queries(PAGE), queries(BOARD)]
    for number in range(4):
        say("feature_request", account=Account.objects.create(name=f"More {number}", arr=number))
        say("bug", channel="chat")
    assert [queries(PAGE), queries(BOARD)] == before
