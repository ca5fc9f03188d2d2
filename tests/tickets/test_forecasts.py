"""Forecasts about tickets: the trivial one until a model beats it, by its name; made by workers, read by pages and REST."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from core.models import Event
from ml.models import ModelVersion, Prediction
from ml.registry import Example, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import promote_version
from ml.services.start_training import start_training
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.forecasts.baselines import MedianByState, RateByState
from tickets.forecasts.observations import USED, outcome_of, promise_outcomes, remaining_times
from tickets.histories import read_histories
from tickets.models import SLAPolicy, SLATarget, Ticket, TicketForecast
from tickets.selectors import ticket_list
from tickets.services.change_status import change_status
from tickets.services.forecast_tickets import forecast_stale_tickets, forecast_tickets
from tickets.services.learn_baselines import learn_baselines, learn_due_baselines
from tickets.services.mark_sla_breaches import mark_sla_breaches
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.tasks import forecast_stale_tickets_task

pytestmark = pytest.mark.usefixtures("minds")
BY = system_viewer("command")


@pytest.fixture
def promise(db: None) -> SLAPolicy:
    policy = SLAPolicy.objects.create(name="All", condition={})
    for priority in ("low", "normal", "high", "urgent"):
        SLATarget.objects.create(policy=policy, priority=priority, first_response_seconds=3600)
    return policy


@pytest.fixture
def learned(db: None) -> None:
    """Trivial forecasts as of a busy help desk."""
    from core.models import Setting

    Setting.objects.create(
        pk="tickets.forecast_baselines",
        value={
            "at": timezone.now().isoformat(),
            "horizon_hours": 168.0,
            "remaining_time": {"states": {"new": [6.0, 48.0]}, "all": [200.0, 200.0]},
            "sla_breach": {"cells": {"new:0": 0.3}, "rate": 0.2},
        },
    )


def test_the_median_by_state_is_shown_by_its_name_while_no_model_serves(
    promise: SLAPolicy, learned: None, ticket: Ticket, client: Client, agent: User, pump: Callable[[], int]
) -> None:
    pump()
    forecast = TicketForecast.objects.get(ticket=ticket)
    assert (forecast.median_seconds, forecast.likely_seconds) == (6 * 3600, 48 * 3600)
    assert (forecast.time_source, forecast.breach_source) == ("median_by_state", "rate_by_state")
    assert (forecast.breach_about, forecast.breach_probability) == ("first_response", 0.3)
    ticket.refresh_from_db()
    assert ticket.breach_probability == 0.3
    client.force_login(agent)
    shown = client.get(f"/inbox/{ticket.pk}/panels/forecast/").content.decode()
    assert "usually solved in 6h, 8 of 10 within 2d" in shown
    assert "Median of tickets in this state" in shown
    assert "30" in shown
    told = client.get(f"/api/v1/tickets/{ticket.pk}/").json()
    assert told["breach_probability"] == 0.3
    assert told["forecast"]["time_source"] == "median_by_state"
    assert told["forecast"]["median_seconds"] == 6 * 3600


def test_a_solved_ticket_has_no_forecast(
    promise: SLAPolicy, learned: None, ticket: Ticket, viewer: Viewer, pump: Callable[[], int]
) -> None:
    pump()
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    ticket.refresh_from_db()
    assert not TicketForecast.objects.exists()
    assert ticket.breach_probability == 0


def test_nothing_is_told_before_anything_is_known(
    ticket: Ticket, client: Client, agent: User, pump: Callable[[], int]
) -> None:
    pump()
    forecast = TicketForecast.objects.get(ticket=ticket)
    assert (forecast.median_seconds, forecast.breach_probability) == (None, None)
    client.force_login(agent)
    assert "Too little is known yet" in client.get(f"/inbox/{ticket.pk}/panels/forecast/").content.decode()


def test_a_long_time_is_told_as_longer(
    learned: None, ticket: Ticket, viewer: Viewer, client: Client, agent: User
) -> None:
    change_status(ticket=ticket, status="waiting", by=viewer)
    forecast_tickets(ticket_ids=[ticket.pk])
    client.force_login(agent)
    assert (
        "usually takes longer than 7d" in client.get(f"/inbox/{ticket.pk}/panels/forecast/").content.decode()
    )


def test_time_makes_forecasts_anew_the_oldest_first(learned: None, write: Callable[..., Received]) -> None:
    tickets = [write(sender=f"one{n}@halden.example").ticket for n in range(3)]
    now = timezone.now()
    assert forecast_stale_tickets(until=now + timedelta(seconds=30), now=now) == 3
    assert forecast_stale_tickets(until=now + timedelta(seconds=30), now=now + timedelta(minutes=10)) == 0
    TicketForecast.objects.filter(ticket=tickets[1]).update(made_at=now - timedelta(hours=1))
    forecast_stale_tickets_task()
    assert TicketForecast.objects.get(ticket=tickets[1]).made_at > now


def test_lists_are_ordered_by_the_risk(learned: None, viewer: Viewer, write: Callable[..., Received]) -> None:
    tickets = [write(sender=f"one{n}@halden.example").ticket for n in range(3)]
    for ticket, risk in zip(tickets, (0.1, 0.7, 0.0), strict=True):
        Ticket.objects.filter(pk=ticket.pk).update(breach_probability=risk)
    page = ticket_list(viewer, view="open", sort="risk")
    assert [row.id for row in page.rows] == [tickets[1].pk, tickets[0].pk, tickets[2].pk]


def test_outcomes_are_those_of_the_promise_that_came_next(
    promise: SLAPolicy,
    ticket: Ticket,
    viewer: Viewer,
    write: Callable[..., Received],
    pump: Callable[[], int],
) -> None:
    pump()
    late = write(sender="two@halden.example").ticket
    open_one = write(sender="three@halden.example").ticket
    pump()
    created = ticket.created_at
    reply_to_ticket(ticket=ticket, body="Soon.", by=viewer)
    mark_sla_breaches(now=late.created_at + timedelta(hours=2))
    histories = read_histories([ticket.pk, late.pk, open_one.pk])
    kept, missed = (outcome_of(histories[one.pk], "first_response", one.created_at) for one in (ticket, late))
    assert kept[0] is False
    assert kept[1] is not None
    assert kept[1] > created
    assert missed[0] is True
    assert outcome_of(histories[ticket.pk], "resolution", created) == (None, None)
    # Of what is due in an hour nothing is learned before.
    assert list(promise_outcomes(timezone.now())) == []


def test_only_what_must_be_known_by_now_is_learned_from(
    ticket: Ticket, viewer: Viewer, pump: Callable[[], int]
) -> None:
    reply_to_ticket(ticket=ticket, body="Done.", status="resolved", by=viewer)
    pump()
    assert list(remaining_times(timezone.now())) == []
    assert Event.objects.filter(ticket_id=ticket.pk).exists()


def test_trivial_forecasts_come_from_the_rows() -> None:
    rows = [("new", 2.0)] * 30 + [("waiting", 10.0)] * 25 + [("on_hold", 99.0)] * 5
    known = MedianByState.learn(rows)
    assert known is not None
    assert known.tell("waiting") == (10.0, 10.0)
    assert known.tell("on_hold") == known.everything == (6.0, 10.0)
    assert MedianByState.from_json(known.to_json()) == known
    assert MedianByState.learn(rows[:19]) is None
    rates = RateByState.learn([("new", 0.1, 0)] * 30 + [("new", 0.95, 1)] * 30)
    assert rates is not None
    assert rates.tell("new", 0.1) < 0.15 < 0.85 < rates.tell("new", 0.99)
    assert rates.tell("open", None) == 0.5
    assert RateByState.from_json(rates.to_json()) == rates


def test_they_are_learned_anew_when_a_day_has_passed(learned: None) -> None:
    now = timezone.now()
    assert not learn_due_baselines(now=now + timedelta(hours=23))
    assert learn_due_baselines(now=now + timedelta(hours=25))
    learn_baselines(now=now)  # too few tickets: unknown, and looked at again soon
    assert not learn_due_baselines(now=now + timedelta(minutes=30))
    assert learn_due_baselines(now=now + timedelta(hours=2))


def invented(task: str, *, told: bool) -> list[Example]:
    """Rows whose outcome follows from the waiting time (``told``) or from the state alone."""
    draw = np.random.default_rng(4)
    start = timezone.now() - timedelta(days=60)
    rows = []
    for number in range(400):
        waiting, state = float(draw.uniform(0, 48)), str(draw.choice(["new", "open", "waiting"]))
        hours = {"new": 4.0, "open": 20.0, "waiting": 60.0}[state] * float(draw.uniform(0.8, 1.25))
        hours = 1 + 2 * waiting * float(draw.uniform(0.9, 1.1)) if told else hours
        features: dict[str, Any] = dict.fromkeys(USED)
        features |= {
            "ticket.status": state, "ticket.waiting_hours": waiting, "ticket.promise_used": float(draw.uniform(0, 1)),
            "ticket.weekday": number % 7,
        }  # fmt: skip
        at = start + timedelta(hours=3 * number)
        label: float = (
            hours if task == "remaining_time" else int(draw.random() < (waiting / 48 if told else 0.4))
        )
        rows.append(
            Example(
                number + 1, label, at, features=features, group=f"ticket:{number}", label_source="outcome"
            )
        )
    return rows


@pytest.mark.django_db
@pytest.mark.parametrize("task", ["remaining_time", "sla_breach"])
@pytest.mark.parametrize("told", [True, False])
def test_a_model_is_offered_only_when_it_beats_the_trivial_forecast(
    task: str, told: bool, monkeypatch: pytest.MonkeyPatch, learned: None, promise: SLAPolicy, ticket: Ticket,
    client: Client, agent: User,
) -> None:  # fmt: skip
    rows = invented(task, told=told)

    def given(_self: Any) -> Sequence[Example]:
        return rows

    monkeypatch.setattr(type(ml_tasks.get(task)), "rows", given)
    trigger = "manual"
    run = carry_out_run(run_id=start_training(task=task, trigger=trigger, by=BY).pk, by=BY)
    version = ModelVersion.objects.get(run=run)
    assert (version.stage == "candidate") is told, run.log
    assert (f"gates: {'better_than_baseline'}" in version.stage_reason) is not told
    client.force_login(agent)
    if told:
        promote_version(version=version, by=BY)
    forecast_tickets(ticket_ids=[ticket.pk])
    shown = client.get(f"/inbox/{ticket.pk}/panels/forecast/").content.decode()
    assert ("Model v1" in shown) is told
    if told and task == "sla_breach":
        [stored] = Prediction.objects.filter(task=task, subject_id=ticket.pk)
        assert stored.version == version
        assert stored.facts["ticket.status"] == "new"


@pytest.mark.django_db
def test_the_page_of_a_model_of_numbers_shows_its_errors(
    monkeypatch: pytest.MonkeyPatch, client: Client, admin: User
) -> None:
    rows = invented("remaining_time", told=True)
    monkeypatch.setattr(type(ml_tasks.get("remaining_time")), "rows", lambda _self: rows)
    carry_out_run(run_id=start_training(task="remaining_time", trigger="manual", by=BY).pk, by=BY)
    client.force_login(admin)
    shown = client.get("/models/remaining_time/").content.decode()
    assert "Mean error" in shown
    assert client.get("/models/remaining_time/versions/1/").status_code == 200
    assert client.get("/models/remaining_time/versions/1/answers/?wrong=1").status_code == 200
