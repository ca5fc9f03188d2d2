"""Churn: observations with closed windows, forward-in-time measurement, the estimate in service."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from customers.models import Account, RevenueMovement
from health.account_panels.churn import ChurnOverview
from health.churn.backtest import Origin, backtest, figures
from health.churn.features import names
from health.churn.observations import GAP, HORIZON, collect_observations, grid_days
from health.models import HealthSnapshot
from health.models_ml.churn import ChurnTask
from health.services.score_accounts import score_accounts
from ml.models import ModelAlias, ModelVersion
from ml.tabular import NotEnoughData
from ml.tabular.hazard import HazardModel
from people.models import User
from people.viewer import system_viewer
from tests.health.world import World, build_world

BY = system_viewer("task")


@pytest.fixture
def world(db: None) -> World:
    """Fifty accounts over 300 days; nearly half leave."""
    return build_world(count=50, days=300, today=timezone.now().date(), leaving=0.45)


def mean_probability(accounts: Iterable[Account]) -> float:
    """Average the estimates."""
    return float(np.mean([account.churn_probability or 0 for account in accounts]))


def quiet(line: str) -> None:
    """Report nothing."""


def test_the_grid_ends_when_windows_are_closed() -> None:
    today = timezone.now().date()
    days = grid_days(today - timedelta(days=300), today)
    assert days[-1] + GAP + HORIZON == today
    assert {(later - earlier).days for earlier, later in pairwise(days)} == {28}
    assert days[0] >= today - timedelta(days=300)
    assert grid_days(today - timedelta(days=50), today) == []


def test_labels_follow_the_notice(world: World) -> None:
    observations = collect_observations(until=world.today)
    said = dict(RevenueMovement.objects.values_list("account_id", "notice_on"))
    assert {row.account_id for row in observations if row.churned} <= set(said)
    for row in observations:
        day, left = row.as_of.date(), said.get(row.account_id)
        assert day + GAP + HORIZON <= world.today
        assert left is None or left > day + GAP  # nothing after the notice, nor in the week before it
        assert row.churned == (left is not None and GAP < left - day <= GAP + HORIZON)
        assert list(row.features) == list(names())
    assert 0 < sum(row.churned for row in observations) < len(observations) / 2


def test_an_account_that_left_in_the_dark_is_left_on_that_day(world: World) -> None:
    RevenueMovement.objects.all()._raw_delete("default")
    left = dict(Account.objects.exclude(churned_on=None).values_list("pk", "churned_on"))
    for row in collect_observations(until=world.today):
        assert row.account_id not in left or row.as_of.date() < (left[row.account_id] or world.today)


def test_the_backtest_learns_only_what_had_passed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that began 45 days before teaches its first month alone, and nobody of it is known to leave later."""
    examples = list(ChurnTask().rows())
    moment_of_row = {id(row.features): row.at for row in examples}
    trained: list[tuple[list[Any], list[int], list[int]]] = []

    class Constant:
        def by_period(self, rows: list[Any]) -> Any:
            [moment] = {moment_of_row[id(row)] for row in rows}
            starts, ended, seen = trained[-1]
            for at, period, months in zip(starts, ended, seen, strict=True):
                assert at + GAP + months * timedelta(days=30) <= moment
                assert 0 < months <= 3
                assert period <= 3
            return np.full((len(rows), 3), 0.1)

    def train(rows: list[Any], ended: list[int], seen: list[int], *args: Any, **kwargs: Any) -> Constant:
        if not rows:
            raise NotEnoughData("none")
        trained.append(([moment_of_row[id(row)] for row in rows], ended, seen))
        return Constant()

    monkeypatch.setattr(HazardModel, "train", train)
    origins = backtest(examples, quiet)
    assert len(origins) >= 3
    assert any(months < 3 for _starts, _ended, seen in trained for months in seen)


def test_rankings_are_not_pooled_over_moments() -> None:
    few = Origin([], np.array([1, 0, 0, 0]), np.full(4, 0.2), np.full(4, 0.2), np.full(4, 0.2))
    many = Origin([], np.array([1, 1, 1, 0]), np.full(4, 0.7), np.full(4, 0.7), np.full(4, 0.7))
    assert figures([few, many], lambda origin: origin.base)["roc_auc"] == 0.5


def test_too_little_history_is_no_model(db: None) -> None:
    build_world(count=4, days=200, today=timezone.now().date())
    with pytest.raises(NotEnoughData):
        ChurnTask().train(list(ChurnTask().rows()), quiet)


def test_a_trained_model_scores_accounts(
    world: World, csm: User, api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.tabular.model.REFITS", 4)
    monkeypatch.setattr("ml.tabular.hazard.REFITS", 4)
    told = StringIO()
    call_command("train_models", "--task", "churn", stderr=told, stdout=told)
    assert ModelAlias.objects.filter(task="churn").exists(), told.getvalue()
    version = ModelVersion.objects.get(task="churn")
    assert version.metrics["brier"] < version.baseline_metrics["brier"]
    assert version.baseline_metrics["roc_auc"] == 0.5
    assert "roc_auc" in version.metrics["recency_rule"]
    assert ModelAlias.objects.get(task="churn").version == version
    living = list(Account.objects.filter(churned_on=None))
    score_accounts(account_ids=[account.pk for account in living], by=BY)
    for account in Account.objects.filter(pk__in=[account.pk for account in living]):
        assert account.churn_low is not None
        assert account.churn_high is not None
        assert account.churn_probability is not None
        assert account.churn_probability_30 is not None
        assert account.churn_probability_60 is not None
        assert 0 <= account.churn_low <= account.churn_probability <= account.churn_high <= 1
        assert account.churn_probability_30 <= account.churn_probability_60 <= account.churn_probability
        assert float(account.value_at_risk or 0) == pytest.approx(
            float(account.arr) * account.churn_probability, abs=0.2
        )
    leaving = Account.objects.filter(pk__in=world.leavers, churned_on=None)
    staying = Account.objects.filter(churned_on=None).exclude(pk__in=world.leavers)
    assert mean_probability(leaving) > mean_probability(staying)
    snapshot = HealthSnapshot.objects.filter(churn_model=version.label).order_by("-churn_probability")[0]
    answer = api("health:read").get(f"/api/v1/accounts/{snapshot.account_id}/health/").json()["churn"]
    assert (answer["model"], answer["horizon_days"]) == (version.label, 90)
    assert answer["drivers"]
    assert answer["drivers"][0]["points"] > 0
    assert 0 < answer["probability_30"] <= answer["probability_60"] <= answer["probability"]
    assert len(version.metrics["by_horizon"]) == len(version.metrics["hazard_by_month"]) == 3
    shown = ChurnOverview().context(csm.as_viewer(), snapshot.account)
    assert shown is not None
    assert shown["metrics"] == version.metrics


def test_without_a_model_there_is_no_estimate(world: World, csm: User) -> None:
    account = Account.objects.filter(churned_on=None)[0]
    score_accounts(account_ids=[account.pk], by=BY)
    account.refresh_from_db()
    assert (account.churn_probability, account.value_at_risk) == (None, None)
    assert ChurnOverview().context(csm.as_viewer(), account) is None
