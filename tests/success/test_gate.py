"""The send gate: which facts lead to which verdict, and the times it waits for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.gate import GateFacts, GatePolicy, decide, free_again_at, next_slot

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # a Wednesday
FACTS = GateFacts(
    now=NOW,
    jitter_key="outreach:1",
    planned_at=NOW,
    expires_at=NOW + timedelta(days=7),
    zones=("Europe/Oslo",),
)


def hours_ago(*hours: float) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(hours=number) for number in hours)


@pytest.mark.parametrize(
    ("change", "verdict", "gate"),
    [
        ({}, "send", "passed"),
        ({"is_switched_on": False}, "defer", "switch"),
        ({"exit_reason": "The cause has cleared."}, "withhold", "enrolment"),
        ({"expires_at": NOW - timedelta(seconds=1)}, "withhold", "enrolment"),
        ({"consent": ""}, "withhold", "consent"),
        ({"consent": "withdrawn"}, "withhold", "hard_suppression"),
        ({"consent": "bounced"}, "withhold", "hard_suppression"),
        ({"dead_address": "bounced"}, "withhold", "hard_suppression"),
        ({"dead_address": "complained"}, "withhold", "hard_suppression"),
        ({"has_address": False}, "withhold", "hard_suppression"),
        ({"contact_left": True}, "withhold", "hard_suppression"),
        ({"contact_moved": True}, "withhold", "hard_suppression"),
        ({"account_churned": True}, "withhold", "hard_suppression"),
        ({"urgent_ticket": "#4711"}, "defer", "soft_suppression"),
        ({"last_negative_at": NOW - timedelta(hours=47)}, "defer", "soft_suppression"),
        ({"last_negative_at": NOW - timedelta(hours=48)}, "send", "passed"),
        ({"contact_sends": hours_ago(23)}, "defer", "pressure"),
        ({"contact_sends": hours_ago(24)}, "send", "passed"),
        ({"contact_sends": hours_ago(25, 6 * 24)}, "defer", "pressure"),
        ({"contact_sends": hours_ago(25, 7 * 24)}, "send", "passed"),
        ({"contact_sends": hours_ago(*(24 * day for day in (8, 12, 16, 20, 24)))}, "send", "passed"),
        ({"account_sends": hours_ago(1, 2, 3, 4)}, "send", "passed"),
        ({"account_sends": hours_ago(1, 2, 3, 4, 167)}, "defer", "pressure"),
        ({"zones": ("Asia/Tokyo", "Europe/Oslo")}, "defer", "quiet_hours"),
        ({"zones": ("no/such zone", "", "Europe/Oslo")}, "send", "passed"),
        ({"zones": ()}, "send", "passed"),
        ({"policy": GatePolicy(holidays=("2026-03-04",))}, "defer", "quiet_hours"),
    ],
)
def test_each_gate_alone(change: dict[str, Any], verdict: str, gate: str) -> None:
    decision = decide(replace(FACTS, **change))
    assert (decision.verdict, decision.gate) == (verdict, gate)
    assert decision.detail


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"is_switched_on": False, "exit_reason": "over"}, "switch"),
        ({"exit_reason": "over", "consent": ""}, "enrolment"),
        ({"consent": "", "contact_left": True}, "consent"),
        ({"consent": "withdrawn", "urgent_ticket": "#1"}, "hard_suppression"),
        ({"urgent_ticket": "#1", "contact_sends": hours_ago(1)}, "soft_suppression"),
        ({"contact_sends": hours_ago(1), "zones": ("Asia/Tokyo",)}, "pressure"),
    ],
)
def test_the_first_gate_in_order_decides(change: dict[str, Any], gate: str) -> None:
    assert decide(replace(FACTS, **change)).gate == gate


def test_a_sixth_mail_in_a_month_waits_until_the_first_is_thirty_days_old() -> None:
    sends = hours_ago(*(24 * day for day in (8, 12, 16, 20, 24, 29)))
    decision = decide(replace(FACTS, contact_sends=sends, expires_at=NOW + timedelta(days=2)))
    assert (decision.verdict, decision.gate) == ("defer", "pressure")
    assert decision.until == NOW + timedelta(days=1)


def test_a_wait_past_the_expiry_is_a_withholding_by_the_same_gate() -> None:
    facts = replace(FACTS, contact_sends=hours_ago(1), expires_at=NOW + timedelta(hours=22))
    decision = decide(facts)
    assert (decision.verdict, decision.gate, decision.until) == ("withhold", "pressure", None)


def test_a_wrong_moment_that_lasts_over_seven_days_ends_the_wait() -> None:
    facts = replace(
        FACTS,
        urgent_ticket="#1",
        planned_at=NOW - timedelta(days=6, hours=20),
        expires_at=NOW + timedelta(days=20),
    )
    assert decide(facts).verdict == "withhold"
    assert decide(replace(facts, planned_at=NOW - timedelta(days=6, hours=17))).verdict == "defer"


@pytest.mark.parametrize(
    ("now", "zone", "opens_at"),
    [
        # Berlin puts its clocks forward on 29 March 2026: 09:00 on Monday is 07:00 UTC, the week before it was 08:00.
        (datetime(2026, 3, 27, 16, 30, tzinfo=UTC), "Europe/Berlin", datetime(2026, 3, 30, 7, 0, tzinfo=UTC)),
        (datetime(2026, 3, 20, 16, 30, tzinfo=UTC), "Europe/Berlin", datetime(2026, 3, 23, 8, 0, tzinfo=UTC)),
        # New York puts them back on 1 November 2026.
        (
            datetime(2026, 10, 31, 12, 0, tzinfo=UTC),
            "America/New_York",
            datetime(2026, 11, 2, 14, 0, tzinfo=UTC),
        ),
        (datetime(2026, 3, 4, 8, 59, 59, tzinfo=UTC), "UTC", datetime(2026, 3, 4, 9, 0, tzinfo=UTC)),
        (datetime(2026, 3, 4, 17, 0, tzinfo=UTC), "UTC", datetime(2026, 3, 5, 9, 0, tzinfo=UTC)),
    ],
)
def test_the_next_slot_follows_the_local_clock(now: datetime, zone: str, opens_at: datetime) -> None:
    slot = next_slot(now, ZoneInfo(zone), GatePolicy(), "outreach:9")
    assert slot is not None
    assert opens_at <= slot <= opens_at + timedelta(minutes=20)


@pytest.mark.parametrize(
    "moment", [datetime(2026, 3, 4, 9, 0, tzinfo=UTC), datetime(2026, 3, 4, 16, 59, tzinfo=UTC)]
)
def test_inside_the_hours_nothing_waits(moment: datetime) -> None:
    assert next_slot(moment, ZoneInfo("UTC"), GatePolicy(), "outreach:9") is None


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]


@given(
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    key=st.integers(1, 10**6),
)
def test_a_slot_is_ahead_in_office_hours_and_always_the_same(now: datetime, zone: str, key: int) -> None:
    policy = GatePolicy()
    slot = next_slot(now, ZoneInfo(zone), policy, f"outreach:{key}")
    local = (slot or now).astimezone(ZoneInfo(zone))
    assert local.weekday() < 5
    assert "09:00" <= local.strftime("%H:%M") < "17:00"
    if slot is not None:
        assert now < slot < now + timedelta(days=4)
        assert local.strftime("%H:%M") <= "09:20"
        assert slot == next_slot(now, ZoneInfo(zone), policy, f"outreach:{key}")


@given(
    ages=st.lists(st.integers(0, 60 * 24 * 40), max_size=12),
    cap=st.integers(0, 7),
    days=st.sampled_from([1, 7, 30]),
)
def test_a_rolling_window_never_holds_more_than_its_cap(ages: list[int], cap: int, days: int) -> None:
    sends = [NOW - timedelta(minutes=age) for age in ages]
    window = timedelta(days=days)
    until = free_again_at(sends, cap, window, NOW)
    at = until or NOW
    within = [moment for moment in sends if at - window < moment <= at]
    assert len(within) < cap or cap == 0
    if until is not None:
        assert NOW < until <= NOW + window


@given(
    facts=st.builds(
        replace,
        st.just(FACTS),
        is_switched_on=st.booleans(),
        exit_reason=st.sampled_from(["", "over"]),
        consent=st.sampled_from(["", "granted", "withdrawn", "bounced", "complained"]),
        contact_left=st.booleans(),
        account_churned=st.booleans(),
        urgent_ticket=st.sampled_from(["", "#1"]),
        contact_sends=st.lists(st.sampled_from(hours_ago(1, 30, 200)), max_size=3),
    )
)
def test_nothing_leaves_without_consent_or_against_a_hard_rule(facts: GateFacts) -> None:
    decision = decide(facts)
    if decision.verdict == "send":
        assert facts.consent == "granted"
        assert not any([facts.contact_left, facts.account_churned, facts.exit_reason, facts.urgent_ticket])
        assert facts.is_switched_on
    assert (decision.until is not None) == (decision.verdict == "defer")
