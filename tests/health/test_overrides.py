"""Overrides: what they do to a score, who may, the second person, their end, the lines that explain them, who was right."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models import Event
from customers.models import Account
from health.cards import Missing, card_from, content_of, default_card
from health.models import CsmPulse, HealthOverride, HealthSnapshot
from health.overriding import Override, overridden
from health.scorecard import Cap, Measure, score_of
from health.services.override_score import decide_override, end_override, expire_overrides, set_override
from health.services.publish_card import publish_card
from health.services.save_card import save_card, save_draft
from health.services.score_accounts import score_accounts
from health.services.score_due import score_due_accounts
from health.trend import trend_of
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.health.world import build_world

BY = system_viewer("test")
WHY = "They renewed by phone yesterday."
Login = Callable[[User], Client]


@pytest.fixture
def scored(db: None) -> list[Account]:
    """Twelve accounts with scores of today."""
    accounts = build_world(count=12, days=200, today=timezone.now().date(), leaving=0.0).accounts
    score_accounts(account_ids=[account.pk for account in accounts], by=BY)
    for account in accounts:
        account.refresh_from_db()
    return sorted(accounts, key=lambda account: account.arr)


def person(user: User) -> Viewer:
    """The viewer of a person."""
    return user.as_viewer()


def newest(account: Account) -> HealthSnapshot:
    """The newest snapshot."""
    return HealthSnapshot.objects.filter(account=account).latest("as_of")


@settings(max_examples=200, deadline=None)
@given(
    ns=st.lists(st.none() | st.floats(0, 100), min_size=3, max_size=6),
    ceiling=st.none() | st.floats(0, 100),
    given_ones=st.lists(
        st.tuples(st.sampled_from(["", "m0", "m1"]), st.sampled_from(["value", "floor", "ceiling"]), st.floats(0, 100)),
        max_size=3,
        unique_by=lambda one: one[0],
    ),
)  # fmt: skip
def test_effects_sum_to_the_difference(
    ns: list[float | None], ceiling: float | None, given_ones: list[Any]
) -> None:
    measures = [Measure(f"m{i}", f"g{i % 2}", 1 + i, 1.0, n, 1.0) for i, n in enumerate(ns)]
    score = score_of(measures, [] if ceiling is None else [Cap("c", ceiling)])
    result = overridden(score, [Override(i, *one) for i, one in enumerate(given_ones)])
    if score.final is not None:
        assert result.final is not None
        assert sum(effect.points for effect in result.effects) == pytest.approx(
            result.final - score.final, abs=1e-9
        )
    for signal, kind, value in given_ones:
        if signal == "" and kind == "value":
            assert result.final == value
    if not given_ones:
        assert (result.final, result.band) == (score.final, score.band)


def test_an_override_counts_and_the_model_stays_visible(scored: list[Account], csm: User) -> None:
    account = scored[0]
    model = newest(account).score
    override = set_override(account=account, kind="value", value=31, reason=WHY, by=person(csm))
    assert override.state == "active"
    assert override.expires_at - override.created_at == timedelta(days=30)
    score_due_accounts(by=BY)
    snapshot = newest(account)
    assert (snapshot.score, snapshot.band) == (31, "at_risk")
    assert snapshot.model_score == pytest.approx(model)
    assert snapshot.overrides[0]["points"] == pytest.approx(31 - (model or 0))
    account.refresh_from_db()
    assert (account.health_score, account.health_band) == (31, "at_risk")
    end_override(override=override, by=person(csm))
    score_due_accounts(by=BY)
    assert newest(account).score == pytest.approx(model)
    verbs = list(
        Event.objects.filter(verb__startswith="health.override").order_by("pk").values_list("verb", flat=True)
    )
    assert verbs == ["health.override_set", "health.override_ended"]


def test_it_ends_by_itself(scored: list[Account], csm: User) -> None:
    """The score is the model's from that moment, the row is closed by the next round."""
    account = scored[0]
    override = set_override(account=account, kind="ceiling", value=10, reason=WHY, by=person(csm), days=1)
    later = timezone.now() + timedelta(days=1, minutes=1)
    assert expire_overrides() == 0
    score_accounts(account_ids=[account.pk], by=BY, as_of=later)
    assert newest(account).overrides == []
    assert expire_overrides(now=later) == 1
    override.refresh_from_db()
    assert override.state == "expired"


def test_the_change_has_a_line_of_its_own(scored: list[Account], csm: User) -> None:
    """Against a snapshot of 30 days before without one: the lines still sum."""
    account = scored[0]
    row = newest(account)
    row.pk, row.as_of = None, row.as_of - timedelta(days=30)
    row.save()
    set_override(account=account, kind="value", value=12, reason=WHY, by=person(csm))
    set_override(account=account, kind="floor", value=99, reason=WHY, signal="seat_use", by=person(csm))
    score_due_accounts(by=BY)
    snapshot = newest(account)
    lines = {change["key"]: change["points"] for change in snapshot.changes if change["effect"] == "override"}
    assert set(lines) == {"override", "override:seat_use"}
    assert sum(change["points"] for change in snapshot.changes) == pytest.approx(snapshot.delta_30, abs=1e-9)


def test_a_large_account_needs_a_second_person(scored: list[Account], csm: User, lead_user: User) -> None:
    account = scored[-1]
    account.arr = Decimal(9_000_000)
    account.save()
    set_override(account=account, kind="value", value=5, reason=WHY, by=person(csm))
    row = newest(account)
    row.parts = [part | {"n": 20.0} if part["n"] is not None else part for part in row.parts]
    row.save()
    raising = set_override(account=account, kind="value", value=95, reason=WHY, by=person(lead_user))
    assert raising.state == "pending"
    with pytest.raises(PermissionDenied):
        decide_override(override=raising, approve=True, by=person(lead_user))
    with pytest.raises(PermissionDenied):
        decide_override(override=raising, approve=True, by=person(csm))
    score_due_accounts(by=BY)
    assert newest(account).score != 95
    other = User.objects.create_user(email="second@demo.example", password="x", name="Second", role="lead")
    decide_override(override=raising, approve=True, by=person(other))
    score_due_accounts(by=BY)
    assert newest(account).score == 95
    small = set_override(account=scored[0], kind="value", value=95, reason=WHY, by=person(lead_user))
    assert small.state == "active"


def test_what_is_wrong_is_named(scored: list[Account], csm: User) -> None:
    with pytest.raises(ValidationError) as refused:
        set_override(
            account=scored[0], kind="more", value=101, reason="so", signal="nothing", days=91, by=person(csm)
        )
    assert set(refused.value.message_dict) == {"kind", "value", "reason", "signal", "days"}
    with pytest.raises(PermissionDenied):
        set_override(account=scored[0], kind="value", value=1, reason=WHY, by=Viewer(kind="staff"))


def test_pages(scored: list[Account], csm: User, lead_user: User, login: Login) -> None:
    """The form names what is wrong; the account page shows both scores; the list shows the override."""
    account, browser = scored[0], login(csm)
    url = f"/customers/{account.pk}/health/override/"
    refused = browser.post(url, {"kind": "value", "value": "50", "days": "200", "reason": "x"})
    assert refused.status_code == 422
    assert "90" in refused.content.decode()
    browser.post(url, {"kind": "value", "value": "50", "days": "20", "reason": WHY})
    score_due_accounts(by=BY)
    body = browser.get(f"/customers/{account.pk}/").content.decode()
    assert "The model says" in body
    assert WHY in body
    assert WHY in browser.get("/settings/health/overrides/").content.decode()
    browser.post(f"/customers/{account.pk}/health/pulse/", {"value": "40", "reason": "New buyer is cold"})
    assert CsmPulse.objects.get().given_by == csm
    [override] = HealthOverride.objects.all()
    browser.post(f"/settings/health/overrides/{override.pk}/end/")
    override.refresh_from_db()
    assert override.state == "ended"


def test_rest(scored: list[Account], api: Callable[..., Any]) -> None:
    client = api("health:read", "health:write")
    account = scored[0]
    url = f"/api/v1/accounts/{account.pk}/health/overrides/"
    made = client.post(url, {"kind": "value", "value": 44, "reason": WHY}, format="json")
    assert made.status_code == 201
    score_due_accounts(by=BY)
    told = client.get(f"/api/v1/accounts/{account.pk}/health/").json()
    assert told["score"] == 44
    assert told["overrides"][0]["label"] == "Override"
    assert told["model_score"] != 44
    assert [one["id"] for one in client.get(url).json()["results"]] == [made.json()["id"]]
    wrong = client.post(url, {"kind": "value", "value": 144, "reason": WHY}, format="json")
    assert wrong.status_code == 400
    assert "value" in str(wrong.json()["errors"])
    ended = client.post(f"/api/v1/health/overrides/{made.json()['id']}/end/")
    assert ended.json()["state"] == "ended"
    assert client.post(f"/api/v1/health/overrides/{made.json()['id']}/end/").status_code == 409
    pulse = client.post(
        f"/api/v1/accounts/{account.pk}/health/pulses/", {"value": 60, "reason": "Fine"}, format="json"
    )
    assert pulse.status_code == 201
    assert client.get("/api/v1/health/override-scoreboard/").json() == []
    assert api("health:read").post(url, {}, format="json").status_code == 403


def test_a_pulse_counts_on_a_card_that_asks(scored: list[Account], csm: User) -> None:
    """And not on the built-in one."""
    account = scored[0]
    CsmPulse.objects.create(account=account, value=3, reason="Bad", given_at=timezone.now() - timedelta(days=60),
                            recorded_at=timezone.now() - timedelta(days=60))  # fmt: skip
    score_accounts(account_ids=[account.pk], by=BY)
    assert "csm_pulse" not in {part["key"] for part in newest(account).parts}
    card = save_card(card=None, values={"name": "With judgement"}, by=BY)
    content = content_of(default_card())
    content["measures"].append({"signal": "csm_pulse", "weight": 30, "missing": Missing.EXCLUDE})
    save_draft(card=card, content=content, by=BY)
    assert "csm_pulse" in card_from(publish_card(card=card, by=BY).content, version="v").rules
    score_accounts(account_ids=[account.pk], by=BY)
    part = {part["key"]: part for part in newest(account).parts}["csm_pulse"]
    assert (part["n"], part["freshness"]) == (3.0, pytest.approx(0.5, abs=0.001))


def test_the_board_says_who_was_right(scored: list[Account], csm: User, login: Login) -> None:
    """Somebody who lowered accounts that then left was better than the model."""
    today = timezone.now()
    for account in scored:
        HealthSnapshot.objects.create(
            account=account, as_of=(today - timedelta(days=130)).date(), card_version="x", score=30, band="at_risk",
            coverage=0.9, confidence="high", inputs_hash="", computed_at=today,
        )  # fmt: skip
        HealthSnapshot.objects.create(
            account=account, as_of=(today - timedelta(days=300)).date(), card_version="x", score=90, band="healthy",
            coverage=0.9, confidence="high", inputs_hash="", computed_at=today,
        )  # fmt: skip
    for account in scored[:6]:
        Account.objects.filter(pk=account.pk).update(churned_on=(today - timedelta(days=60)).date())
        HealthOverride.objects.create(
            account=account, kind="value", value=30, reason=WHY, state="expired", created_at=today - timedelta(days=100),
            created_by=csm, starts_at=today - timedelta(days=100), expires_at=today - timedelta(days=70),
            ended_at=today - timedelta(days=70), model_score=85, score=30,
        )  # fmt: skip
    [line, total] = login(csm).get("/settings/health/overrides/").context["board"]
    assert (line.user_id, line.overrides, line.left) == (csm.pk, 6, 6)
    assert line.better > 0.05
    assert total.overrides == 6


def test_a_trend_is_more_than_noise() -> None:
    day = timezone.now().date().toordinal()
    quiet = [(day - 30 + i, 70 - 0.3 * i + 0.05 * (i % 2)) for i in range(31)]
    wild = [(day - 30 + i, 70 - 0.3 * i + 9 * (-1) ** i) for i in range(31)]
    assert trend_of(-9.0, quiet) == "down"
    assert trend_of(9.0, quiet) == "up"
    assert trend_of(-9.0, wild) == ""
    assert trend_of(-4.9, quiet) == ""
    assert trend_of(-9.0, quiet[:5]) == ""
