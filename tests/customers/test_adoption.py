"""Adoption and retention: states by the definition, pages, REST and exports that agree."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from customers.adoption import account_adoption
from customers.models import Account, FeatureAdoption, Subscription, UsageDaily, UsageFeature
from customers.retention import retention
from customers.services.measure_adoption import measure_adoption
from people.viewer import system_viewer

pytestmark = pytest.mark.django_db
TODAY = date(2026, 6, 15)


def used(account: Account, feature: str, today: date, uses: dict[int, int], *, everybody: int = 10) -> None:
    """Let a feature have so many users so many days ago, among ``everybody`` who was active."""
    for ago, users in uses.items():
        day, seen = today - timedelta(days=ago), timezone.now()
        UsageDaily.objects.get_or_create(
            account=account,
            day=day,
            feature="",
            defaults={"events": 99, "users": everybody, "recorded_at": seen},
        )
        UsageDaily.objects.create(
            account=account, day=day, feature=feature, events=2 * users, users=users, recorded_at=seen
        )
    UsageFeature.objects.get_or_create(name=feature)


def test_states_follow_the_definition(account: Account) -> None:
    other = Account.objects.create(name="Other")
    used(account, "habit", TODAY, {1: 3, 8: 3, 15: 3})
    used(account, "two weeks", TODAY, {2: 9, 9: 9})
    used(account, "two users", TODAY, {3: 2, 10: 2, 17: 2, 24: 2})
    used(other, "few of many", TODAY, {4: 3, 11: 3, 18: 3, 25: 3}, everybody=16)
    used(account, "edge of 28 days", TODAY, {28: 1})
    used(account, "long ago", TODAY, {29: 5, 300: 5})
    used(account, "today", TODAY, {0: 5})
    UsageFeature.objects.create(name="dear", plans=["Enterprise"])
    UsageFeature.objects.create(name="never")
    UsageFeature.objects.create(name="hidden", is_hidden=True)
    found = account_adoption(account, until=TODAY)
    assert {one.feature: one.state for one in found.features} == {
        "habit": "habitual", "two weeks": "tried", "two users": "tried", "few of many": "unused",
        "edge of 28 days": "tried", "long ago": "lapsed", "today": "unused", "never": "unused", "dear": "not_entitled",
    }  # fmt: skip
    assert (found.breadth, found.depth, found.active_days) == (4 / 8, 1 / 4, 10)
    of_other = {one.feature: one.state for one in account_adoption(other, until=TODAY).features}
    assert (of_other["few of many"], of_other["habit"]) == ("tried", "unused")
    Subscription.objects.create(account=account, product="P", plan="Enterprise", arr=1, starts_on=TODAY)
    states = {one.feature: one.state for one in account_adoption(account, until=TODAY).features}
    assert states["dear"] == "unused"


def test_the_kept_states_are_those_of_the_account_and_move_with_time(account: Account) -> None:
    used(account, "habit", TODAY, {1: 3, 8: 3, 15: 3, 200: 1})
    assert measure_adoption(by=system_viewer(), today=TODAY) >= 1
    assert measure_adoption(by=system_viewer(), today=TODAY) == 0
    for later, state in ((0, "habitual"), (14, "tried"), (60, "lapsed"), (400, "lapsed")):
        day = TODAY + timedelta(days=later)
        measure_adoption(by=system_viewer(), today=day)
        [kept], [live] = FeatureAdoption.objects.all(), account_adoption(account, until=day).features
        assert kept.state == live.state == state
        assert (kept.days, kept.peak_users, kept.last_used_on) == (
            live.days,
            live.peak_users,
            live.last_used_on,
        )


def test_cohorts_count_who_is_still_active() -> None:
    for number, months in enumerate([(1, 2, 3), (1, 3), (1,), ()]):
        one = Account.objects.create(name=str(number), customer_since=date(2026, 1, 20))
        for month in months:
            used(one, "report" if month > 1 else "start", date(2026, month, 25), {0: 1})
    measure_adoption(by=system_viewer(), today=date(2026, 5, 2))
    found = retention(system_viewer(), today=date(2026, 5, 2))
    january = next(cohort for cohort in found.cohorts if cohort.month == date(2026, 1, 1))
    assert (january.size, january.active, len(found.cohorts)) == (4, (3, 1, 2, 0), 12)
    assert found.curve[:4] == [3 / 4, 1 / 4, 2 / 4, 0]
    report = retention(system_viewer(), today=date(2026, 5, 2), feature="report")
    assert {cohort.month.month: (cohort.size, cohort.active) for cohort in report.cohorts if cohort.size} == {
        2: (1, (1, 1, 0)),
        3: (1, (1, 0)),
    }


def test_page_rest_and_export_agree(
    api: Callable[..., APIClient], account: Account, lead_user: Any, client: Client
) -> None:
    today = timezone.now().date()
    used(account, "habit", today, {1: 3, 8: 3, 15: 3})
    Account.objects.create(name="Quiet")
    gone = Account.objects.create(name="Gone", lifecycle="churned")
    used(gone, "habit", today, {1: 3})
    measure_adoption(by=system_viewer())
    [told] = api("accounts:read").get("/api/v1/usage/adoption/").json()
    assert (told["habitual"], told["tried"], told["unused"], told["entitled"], told["share"]) == (
        1,
        0,
        1,
        2,
        0.5,
    )
    client.force_login(lead_user)
    [row] = list(csv.DictReader(io.StringIO(client.get("/customers/adoption/export.csv").content.decode())))
    assert (row["habitual"], row["unused"], row["share_used"]) == ("1", "1", "0.5")
    assert client.get("/customers/adoption/").context["rows"][0]["counts"].habitual == 1
    matrix = client.get("/customers/adoption/accounts/", {"feature": "habit", "state": "unused"})
    assert [row["account"].name for row in matrix.context["rows"]] == ["Quiet"]
    one = api("accounts:read").get(f"/api/v1/accounts/{account.pk}/adoption/").json()
    assert [(use["feature"], use["state"]) for use in one["features"]] == [("habit", "habitual")]
    assert "Adoption by feature" in client.get(f"/customers/{account.pk}/usage/").content.decode()
    assert client.get("/customers/retention/", {"feature": "habit"}).status_code == 200
    assert api("accounts:read").get("/api/v1/usage/retention/", {"feature": "x"}).status_code == 400
    assert api("usage:write").get("/api/v1/usage/adoption/").status_code == 403
