"""Stages and journeys: moves by hand and by rules, the history, dwell times that count who is still there, the pages."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.charts.flow import flow_map
from core.models import Event
from customers.journeys import business_days_before, journeys, stalled
from customers.models import Account, Contact, Stage, StageStay, TraitDefinition
from customers.segments import matching
from customers.services.move_stage import apply_stage_rules, follow_lifecycle, move_stage
from customers.services.save_account import update_account
from customers.services.save_stage import save_stage
from people.models import User
from people.viewer import system_viewer
from tickets.models import Ticket

Login = Callable[[User], Client]
NOW = timezone.now()
TODAY = timezone.localdate()
TASK = system_viewer("task")


def stage(key: str) -> Stage:
    return Stage.objects.get(key=key)


def make(number: int, **fields: Any) -> list[Account]:
    return Account.objects.bulk_create(
        Account(**{"name": f"Company {n}", "lifecycle": "onboarding", **fields}) for n in range(number)
    )


def stay(account: Account, key: str, start: float, end: float | None, cause: str = "rule") -> StageStay:
    """A stay from ``start`` days ago until ``end`` days ago."""
    return StageStay(
        account=account, stage=stage(key), entered_at=NOW - timedelta(days=start),
        left_at=None if end is None else NOW - timedelta(days=end), cause=cause,
    )  # fmt: skip


def test_there_is_a_stage_for_every_lifecycle_and_no_rule_is_on(db: None) -> None:
    assert list(Stage.objects.values_list("phase", flat=True)) == list(Account.Lifecycle.values)
    assert not Stage.objects.filter(is_automatic=True).exists()
    make(3)
    follow_lifecycle(by=TASK)
    assert apply_stage_rules(by=TASK) == 0


def test_history_follows_the_lifecycle_and_moves_by_hand(
    db: None, csm: User, pump: Callable[[], int]
) -> None:
    [account] = make(1)
    assert follow_lifecycle(by=TASK) == 1
    assert follow_lifecycle(by=TASK) == 0
    update_account(account=account, values={"lifecycle": "adopting"}, by=csm.as_viewer())
    pump()
    move_stage(account=account, stage=stage("established"), by=csm.as_viewer(), why="Goals met")
    account.refresh_from_db()
    assert account.lifecycle == "established"
    rows = list(account.stage_stays.order_by("pk"))
    assert [row.stage.key for row in rows] == ["onboarding", "adopting", "established"]
    assert [row.left_at for row in rows[:2]] == [row.entered_at for row in rows[1:]]
    assert (rows[2].left_at, rows[2].why, rows[1].cause) == (None, "Goals met", "person")
    [event] = Event.objects.filter(verb="customers.stage_entered", detail__data__why="Goals met")
    assert (event.account_id, event.detail.data["from"]) == (account.pk, "adopting")


def test_the_end_comes_from_revenue_and_the_same_stage_is_no_move(db: None, csm: User) -> None:
    [account] = make(1)
    follow_lifecycle(by=TASK)
    with pytest.raises(ValidationError, match="churn"):
        move_stage(account=account, stage=stage("churned"), by=csm.as_viewer())
    with pytest.raises(ValidationError, match="already"):
        move_stage(account=account, stage=stage("onboarding"), by=csm.as_viewer())


def test_rules_move_ahead_and_back_and_settle(db: None, admin: User) -> None:
    old, soon, young, gone = make(4)
    ages = {old: (500, 300), soon: (500, 40), young: (20, 345), gone: (500, 30)}
    for account, (age, renewal) in ages.items():
        account.customer_since = TODAY - timedelta(days=age)
        account.renewal_on = TODAY + timedelta(days=renewal)
        account.save()
    Account.objects.filter(pk=gone.pk).update(lifecycle="churned")
    follow_lifecycle(by=TASK)
    for key in ("adopting", "established", "renewing"):
        save_stage(stage=stage(key), values={"is_automatic": True}, by=admin.as_viewer())
    assert apply_stage_rules(by=TASK) == 2
    assert apply_stage_rules(by=TASK) == 0

    def now_in(account: Account) -> str:
        return Account.objects.get(pk=account.pk).lifecycle

    assert [now_in(one) for one in (old, soon, young, gone)] == [
        "established", "renewing", "onboarding", "churned",
    ]  # fmt: skip
    Account.objects.filter(pk=soon.pk).update(renewal_on=TODAY + timedelta(days=400))
    assert apply_stage_rules(by=TASK) == 1
    assert now_in(soon) == "established"
    assert "renewal" in soon.stage_stays.get(left_at=None).why


def test_cost_of_rules_does_not_grow_with_accounts(db: None, admin: User) -> None:
    save_stage(stage=stage("renewing"), values={"is_automatic": True}, by=admin.as_viewer())
    make(3)
    follow_lifecycle(by=TASK)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            apply_stage_rules(by=TASK)
        return len(queries)

    cost()  # what is kept in the process is read once
    few = cost()
    make(150)
    follow_lifecycle(by=TASK)
    assert cost() == few


def test_dwell_counts_who_is_still_there(db: None) -> None:
    """Stays of a known length, half of them seen for too short a time: the median of who has left alone is far too low."""
    draw = np.random.default_rng(5)
    took = draw.exponential(60 / np.log(2), 400)  # true median 60 days
    seen = draw.uniform(1, 120, 400)
    stays = []
    for account, days, watched in zip(make(400), took, seen, strict=True):
        end = None if days > watched else watched - days
        stays.append(stay(account, "onboarding", float(watched), None if end is None else float(end)))
        if end is not None:
            stays.append(stay(account, "adopting", float(end), None))
    StageStay.objects.bulk_create(stays)
    with CaptureQueriesContext(connection) as queries:
        found = journeys(Account.objects.all(), now=NOW)
    assert len(queries) == 2
    first = found.stages[0]
    left = sorted(days for days, watched in zip(took, seen, strict=True) if days <= watched)
    assert left[len(left) // 2] < 40
    assert first.dwell.median == pytest.approx(60, abs=12)
    low, high = first.dwell.median_interval
    assert low is not None
    assert low < 60 < (high or 999)
    assert (first.present, first.left) == (400 - len(left), len(left))
    assert [(move.source.key, move.target.key, move.number) for move in found.transitions] == [
        ("onboarding", "adopting", len(left))
    ]


def test_losses_have_an_interval_and_unseen_starts_are_no_evidence(db: None) -> None:
    accounts = make(10)
    rows = []
    for place, account in enumerate(accounts):
        rows += [
            stay(account, "adopting", 90, 30, cause="start"),
            stay(account, "churned" if place < 3 else "established", 30, None),
        ]
    StageStay.objects.bulk_create(rows)
    adopting = next(
        one for one in journeys(Account.objects.all(), now=NOW).stages if one.stage.key == "adopting"
    )
    assert (adopting.lost, adopting.left, adopting.lost_share) == (3, 10, 0.3)
    # Wilson's interval of 3 in 10, as in any table
    assert adopting.lost_low == pytest.approx(0.1078, abs=1e-3)
    assert adopting.lost_high == pytest.approx(0.6032, abs=1e-3)
    assert adopting.dwell.n == 0


def test_stalled_after_ten_business_days_without_a_step(db: None) -> None:
    assert business_days_before(datetime(2026, 11, 23).date(), 1) == datetime(2026, 11, 20).date()
    assert business_days_before(datetime(2026, 11, 22).date(), 10) == datetime(2026, 11, 9).date()
    quiet, touched, fresh, settled = make(4)
    Account.objects.filter(pk=touched.pk).update(last_touch_at=NOW - timedelta(days=2))
    StageStay.objects.bulk_create(
        [
            stay(quiet, "onboarding", 30, None),
            stay(touched, "onboarding", 30, None),
            stay(fresh, "onboarding", 3, None),
            stay(settled, "established", 300, None),
        ]
    )
    assert [row.account for row in stalled(Account.objects.all(), now=NOW)] == [quiet]


def test_page_export_and_rest_say_the_same(db: None, csm: User, login: Login) -> None:
    accounts = make(6, csm=csm)
    rows = []
    for place, account in enumerate(accounts):
        rows += [
            stay(account, "onboarding", 60, 60 - 5 * (place + 1)),
            stay(account, "adopting", 55 - 5 * place, None),
        ]
    StageStay.objects.bulk_create(rows)
    holder = Contact.objects.create(account=accounts[0], name="H")
    Ticket.objects.create(
        number=1, contact=holder, subject="x", channel="email", account=accounts[0], sentiment_label="negative",
        satisfaction=2, status_id="open", status_category="open", created_at=NOW - timedelta(days=58), updated_at=NOW,
        last_message_at=NOW,
    )  # fmt: skip
    client = login(csm)
    told = client.get("/api/v1/journeys/").json()
    first = told["stages"][0]
    assert (first["stage"], first["present"], first["left"], first["median_days"]) == (
        "onboarding",
        0,
        6,
        15.0,
    )
    assert {"label": "Negative mood", "value": "100 %", "number": 1} in first["moments"]
    assert told["transitions"] == [
        {"source": "onboarding", "target": "adopting", "number": 6, "median_days": 20.0}
    ]
    body = client.get("/customers/journeys/").content.decode()
    assert "Onboarding → Adopting: 6" in body
    assert "<path" in body
    lines = list(csv.DictReader(io.StringIO(client.get("/customers/journeys/export.csv").content.decode())))
    assert lines[0]["median_days"] == "15"
    assert [line["number"] for line in lines if line["next_stage"]] == ["6"]
    assert client.get("/api/v1/journeys/?days=7").status_code == 400
    assert client.get("/api/v1/journeys/?tier=enterprise").json()["accounts"] == 0
    assert len(client.get(f"/api/v1/accounts/{accounts[0].pk}/stages/").json()) == 2
    moved = client.post(
        f"/api/v1/accounts/{accounts[0].pk}/stages/", {"stage": "established", "why": "x"}, "application/json"
    )
    assert moved.status_code == 201
    tab = client.get(f"/customers/{accounts[0].pk}/journey/").content.decode()
    assert "Established" in tab
    url = f"/customers/{accounts[1].pk}/stage/"
    assert client.post(url, {"stage": stage("established").pk}).status_code == 302
    assert Account.objects.get(pk=accounts[1].pk).lifecycle == "established"


def test_stages_are_settings(db: None, admin: User, csm: User, login: Login) -> None:
    client = login(admin)
    assert client.get("/customers/stages/").status_code == 200
    made = {"name": "Pilot", "phase": "onboarding", "position": 1, "is_active": "on", "entry": "", "exit": ""}
    assert client.post("/customers/stages/new/", made).status_code == 302
    pilot = stage("pilot")
    assert client.get(f"/customers/stages/{pilot.pk}/").status_code == 200
    end = stage("churned")
    wrong = {"name": "Churned", "phase": "established", "position": 9, "is_active": "on"}
    assert "Churned" in client.post(f"/customers/stages/{end.pk}/", wrong).content.decode()
    end.refresh_from_db()
    assert end.phase == "churned"
    rule = {"field": "arr", "is": "at_least", "value": 1}
    with pytest.raises(ValidationError, match="revenue"):
        save_stage(stage=end, values={"entry": rule}, by=admin.as_viewer())
    assert login(csm).get("/customers/stages/").status_code == 403


def test_map_draws_moves_ahead_above_and_back_below() -> None:
    drawn = flow_map(
        [("A", "", "good"), ("B", "", "good"), ("C", "", "bad")], [(0, 2, 9, "x"), (2, 1, 1, "y")]
    )
    ahead, back = drawn.arcs
    assert not ahead.back
    assert back.back
    assert ahead.y < drawn.boxes[0].y < drawn.boxes[0].y + drawn.box_height < back.y < drawn.height
    assert ahead.width > back.width


def test_traits_can_be_asked(db: None) -> None:
    TraitDefinition.objects.create(target="account", key="region", label="Region", kind="text")
    TraitDefinition.objects.create(target="account", key="score", label="Score", kind="number")
    TraitDefinition.objects.create(target="account", key="pilot", label="Pilot", kind="bool")
    north, south, none = make(3)
    Account.objects.filter(pk=north.pk).update(traits={"region": "north", "score": 7, "pilot": True})
    Account.objects.filter(pk=south.pk).update(traits={"region": "south", "score": 2.5, "pilot": False})

    def found(field: str, operator: str, value: Any) -> list[int]:
        asked = {"field": f"trait:{field}", "is": operator, "value": value}
        return sorted(matching(asked, owner_id=None).values_list("pk", flat=True))

    assert found("region", "in", ["north"]) == [north.pk]
    assert found("region", "not_in", ["north"]) == [south.pk, none.pk]
    assert found("score", "at_least", 3) == [north.pk]
    assert found("score", "at_most", 3) == [south.pk]
    assert found("pilot", "is", True) == [north.pk]
    assert found("pilot", "is", False) == [south.pk, none.pk]
