"""What solutions cost, per channel: prices, logged time and answers, on every door."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from core.models import Event
from insights.figures import figure, figures_by, read_scope
from insights.registry import kpis
from people.models import User
from tests.insights.conftest import World
from tickets.models import Episode
from tickets.services.save_costs import save_costs

pytestmark = pytest.mark.django_db
Ago = Callable[[float], datetime]
Login = Callable[[User], Client]


@pytest.fixture
def prices(admin: User) -> None:
    """An hour is 60, an answer by SMS a quarter."""
    save_costs(
        per_hour=Decimal(60), currency="nok", per_message={"sms": Decimal("0.25")}, by=admin.as_viewer()
    )


def solved(world: World, ago: Ago, **fields: Any) -> Episode:
    return world.episode(ago(3), resolved_at=ago(2), **fields)


def test_cost_is_time_and_messages(world: World, ago: Ago, lead_user: User, prices: None) -> None:
    solved(world, ago, worked_minutes=30)
    solved(world, ago, worked_minutes=10, replies=4, channel="sms")
    world.episode(ago(1), worked_minutes=500)  # not solved yet
    scope = read_scope(lead_user.as_viewer(), {}, zone=UTC)
    cost = kpis.get("cost")
    by_channel = figures_by(cost, scope, "channel")
    assert {key: (found.value, found.n) for key, found in by_channel.items()} == {
        "email": (30, 1),
        "sms": (11, 1),
    }
    assert (figure(cost, scope).value, figure(cost, scope).n) == (20.5, 2)


def test_an_answer_costs_what_the_channel_costs_that_it_left_by(
    world: World, ago: Ago, lead_user: User, prices: None
) -> None:
    solved(world, ago, replies=4, replies_by_channel={"email": 3, "sms": 1})
    solved(world, ago, replies=3, replies_by_channel={"email": 1, "sms": 2}, channel="sms")
    scope = read_scope(lead_user.as_viewer(), {}, zone=UTC)
    by_channel = figures_by(kpis.get("cost"), scope, "channel")
    assert {key: found.value for key, found in by_channel.items()} == {"email": 0.25, "sms": 0.5}


def test_the_page_of_channels_leads_to_the_tickets(
    world: World, ago: Ago, lead_user: User, login: Login, prices: None
) -> None:
    solved(world, ago, worked_minutes=10, replies=4, channel="sms")
    browser = login(lead_user)
    page = unescape(browser.get("/insights/channels/").content.decode())
    assert "11.00\u00a0NOK" in page
    assert "100" in page
    assert "kpi=cost" in page
    behind = unescape(browser.get("/insights/tickets/?kpi=cost&channel=sms").content.decode())
    assert "11.00\u00a0NOK" in behind
    rest = browser.get("/api/v1/insights/kpis/?kpi=cost&by=channel&timezone=UTC").json()["kpis"][0]
    assert (rest["unit"], rest["currency"], rest["value"]) == ("money", "NOK", 11.0)


def test_without_prices_there_is_no_cost(world: World, ago: Ago, admin: User, login: Login) -> None:
    solved(world, ago, worked_minutes=10)
    scope = read_scope(admin.as_viewer(), {}, zone=UTC)
    assert figure(kpis.get("cost"), scope).value is None
    page = login(admin).get("/insights/channels/").content.decode()
    assert "/settings/costs/" in page


def test_prices_are_set_on_a_page_and_by_rest(admin: User, login: Login, api: Any, agent: User) -> None:
    browser = login(admin)
    answer = browser.post("/settings/costs/", {"per_hour": "48.5", "currency": "eur", "message_sms": "0.07"})
    assert answer.status_code == 302
    client = api("tickets:configure")
    told = client.get("/api/v1/costs/").json()
    assert told == {"per_hour": "48.5000", "currency": "EUR", "per_message": {"sms": "0.0700"}}
    assert browser.post("/settings/costs/", {"per_hour": "-1", "currency": "eur"}).status_code == 422
    body = {"per_hour": "1", "currency": "EUR", "per_message": {"pigeon": "1"}}
    refused = client.put("/api/v1/costs/", body, format="json")
    assert refused.status_code == 400
    assert "per_message" in refused.json()["errors"]
    assert client.put("/api/v1/costs/", body | {"per_message": {}}, format="json").status_code == 200
    assert Event.objects.filter(verb="tickets.costs_saved").count() == 2
    assert login(agent).get("/settings/costs/").status_code == 403
