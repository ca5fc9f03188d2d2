"""The clock of a promise as a pure function: additivity, daylight saving, pauses, and the columns it fills."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import OpeningHours
from core.models import Calendar, Event
from people.viewer import Viewer
from tickets.models import SLAPolicy, SLATarget, Ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.mark_sla_breaches import mark_sla_breaches
from tickets.services.receive_message import Received
from tickets.sla import RUNNING, Promise, StatusChange, run_clock, split_intervals
from tickets.ticket_facts import sla_of

BERLIN = ZoneInfo("Europe/Berlin")
# Split shifts on working days, a short Saturday, one holiday.
HOURS = OpeningHours(
    BERLIN,
    {
        **{day: ((time(9), time(12)), (time(13), time(17, 30))) for day in range(5)},
        5: ((time(10), time(13)),),
    },
    frozenset({date(2026, 12, 25)}),
)
HOUR = 3600
END = datetime(2027, 6, 1, tzinfo=UTC)
ENTERPRISE = {"field": "account_tier", "is": "in", "value": ["enterprise"]}

moments = st.datetimes(datetime(2026, 3, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
gaps = st.lists(
    st.tuples(
        st.integers(0, 4 * 86400),
        st.sampled_from(["open", "waiting", "on_hold", "resolved", "closed", "new"]),
    ),
    max_size=8,
)


def changes_after(opened_at: datetime, steps: list[tuple[int, str]]) -> list[StatusChange]:
    """Status changes so many seconds after each other."""
    at, changes = opened_at, []
    for seconds, category in steps:
        at += timedelta(seconds=seconds)
        changes.append(StatusChange(at, category))
    return changes


@given(opened_at=moments, steps=gaps, target=st.integers(60, 80 * HOUR))
def test_time_used_until_the_deadline_is_the_promise(
    opened_at: datetime, steps: list[tuple[int, str]], target: int
) -> None:
    changes = changes_after(opened_at, steps)
    clock = run_clock(opened_at=opened_at, changes=changes, promise=Promise(HOURS, HOUR, target))
    if clock.resolution_due_at is None:
        assert clock.used_seconds <= target
        return
    used = 0.0
    for interval in clock.intervals:
        end = min(interval.end or clock.resolution_due_at, clock.resolution_due_at)
        if interval.category in RUNNING and end > interval.start:
            used += HOURS.seconds_between(interval.start, end)
    assert used == pytest.approx(target, abs=1e-3)


@given(opened_at=moments, steps=gaps, cut=st.integers(0, 20 * 86400))
def test_a_change_to_the_same_category_changes_nothing(
    opened_at: datetime, steps: list[tuple[int, str]], cut: int
) -> None:
    changes = changes_after(opened_at, steps)
    at = opened_at + timedelta(seconds=cut)
    before = [change for change in changes if change.at <= at]
    after = [change for change in changes if change.at > at]
    same = before[-1].category if before else "new"
    promise = Promise(HOURS, HOUR, 40 * HOUR)
    plain = run_clock(opened_at=opened_at, changes=changes, promise=promise)
    cut_up = run_clock(
        opened_at=opened_at, changes=[*before, StatusChange(at, same), *after], promise=promise
    )
    assert cut_up.resolution_due_at == plain.resolution_due_at
    rows = (changes, [*before, StatusChange(at, same), *after])
    used = [used_until(opened_at, [*row, StatusChange(END, "closed")]) for row in rows]
    assert used[0] == pytest.approx(used[1], abs=1e-3)


def used_until(opened_at: datetime, changes: list[StatusChange]) -> float:
    """Business seconds used before the last change."""
    intervals = split_intervals(opened_at=opened_at, changes=changes, hours=HOURS)
    return sum(interval.seconds or 0.0 for interval in intervals)


@given(
    opened_at=moments,
    pause=st.integers(0, 30 * 86400),
    stopped=st.sampled_from(["waiting", "on_hold", "resolved"]),
)
def test_a_pause_is_credited_in_full(opened_at: datetime, pause: int, stopped: str) -> None:
    promise = Promise(OpeningHours.always(), HOUR, 100 * HOUR)
    start = opened_at + timedelta(hours=5)
    changes = [StatusChange(start, stopped), StatusChange(start + timedelta(seconds=pause), "open")]
    clock = run_clock(opened_at=opened_at, changes=changes, promise=promise)
    assert clock.resolution_due_at == opened_at + timedelta(hours=100, seconds=pause)
    assert clock.first_response_due_at == opened_at + timedelta(hours=1)


def test_daylight_saving_night_counts_its_real_length() -> None:
    night = OpeningHours(BERLIN, {6: ((time(0), time(6)),)})
    opened = datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN)  # clocks go back at 3: this night has seven hours
    clock = run_clock(opened_at=opened, changes=[], promise=Promise(night, HOUR, 7 * HOUR))
    assert clock.resolution_due_at == datetime(2026, 10, 25, 6, 0, tzinfo=BERLIN)


def test_weekend_and_lunch_stand_still() -> None:
    friday = datetime(2026, 11, 20, 17, 0, tzinfo=BERLIN)
    weekdays = OpeningHours(BERLIN, {day: HOURS.windows[day] for day in range(5)})
    clock = run_clock(opened_at=friday, changes=[], promise=Promise(weekdays, HOUR, 4 * HOUR))
    assert clock.first_response_due_at == datetime(2026, 11, 23, 9, 30, tzinfo=BERLIN)
    assert clock.resolution_due_at == datetime(2026, 11, 23, 13, 30, tzinfo=BERLIN)


@pytest.fixture
def policy(db: None) -> SLAPolicy:
    """An hour to answer, eight to solve, around the clock; half of it for urgent ones."""
    policy = SLAPolicy.objects.create(name="Standard", position=2)
    for priority, factor in (("normal", 1.0), ("urgent", 0.5)):
        SLATarget.objects.create(
            policy=policy,
            priority=priority,
            first_response_seconds=int(HOUR * factor),
            resolution_seconds=int(8 * HOUR * factor),
        )
    return policy


def test_deadlines_stand_on_the_row_and_follow_priority(
    policy: SLAPolicy, ticket: Ticket, viewer: Viewer
) -> None:
    assert ticket.sla_policy == policy
    assert ticket.first_response_due_at == ticket.created_at + timedelta(hours=1)
    assert ticket.next_due_at == ticket.first_response_due_at
    changed = change_priority(ticket=ticket, priority="urgent", by=viewer)
    assert changed.resolution_due_at == ticket.created_at + timedelta(hours=4)


def test_policy_of_the_tier_wins_and_its_calendar_counts(
    policy: SLAPolicy, write: Callable[..., Received]
) -> None:
    calendar = Calendar.objects.create(
        name="Office", timezone="Europe/Oslo", windows={str(day): [["09:00", "17:00"]] for day in range(5)}
    )
    gold = SLAPolicy.objects.create(name="Gold", position=1, condition=ENTERPRISE, calendar=calendar)
    SLATarget.objects.create(
        policy=gold, priority="normal", first_response_seconds=600, resolution_seconds=7200
    )
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC)):  # a Saturday
        ticket = write().ticket
        other = write(sender="jo@gmail.com").ticket
    assert ticket.sla_policy == gold
    assert ticket.first_response_due_at == datetime(2026, 11, 23, 9, 10, tzinfo=ZoneInfo("Europe/Oslo"))
    assert other.sla_policy == policy


def test_a_promise_that_the_calendar_cannot_hold_keeps_nobody_out(write: Callable[..., Received]) -> None:
    calendar = Calendar.objects.create(name="A minute", timezone="UTC", windows={"0": [["09:00", "09:01"]]})
    gold = SLAPolicy.objects.create(name="Gold", position=1, condition=ENTERPRISE, calendar=calendar)
    SLATarget.objects.create(
        policy=gold, priority="normal", first_response_seconds=600, resolution_seconds=720_000
    )
    ticket = write().ticket
    assert ticket.sla_policy == gold
    assert ticket.next_due_at is None


def test_waiting_pauses_the_solution_and_resolving_meets_it(
    policy: SLAPolicy, ticket: Ticket, viewer: Viewer
) -> None:
    opened = ticket.created_at
    with time_machine.travel(opened + timedelta(minutes=30), tick=False):
        Ticket.objects.filter(pk=ticket.pk).update(first_responded_at=timezone.now())
        paused = change_status(ticket=ticket, status="waiting", by=viewer)
    assert paused.next_due_at is None
    assert sla_of(paused).state == "paused"
    with time_machine.travel(opened + timedelta(days=3, minutes=30), tick=False):
        running = change_status(ticket=ticket, status="open", by=viewer)
        assert running.resolution_due_at == opened + timedelta(days=3, hours=8)
        solved = change_status(ticket=ticket, status="resolved", by=viewer)
    assert sla_of(solved).state == "met"


def test_breaches_are_stamped_once_with_the_deadline(policy: SLAPolicy, ticket: Ticket) -> None:
    now = ticket.created_at
    assert mark_sla_breaches(now=now + timedelta(minutes=59)) == 0
    assert mark_sla_breaches(now=now + timedelta(hours=9)) == 2
    assert mark_sla_breaches(now=now + timedelta(hours=10)) == 0
    ticket.refresh_from_db()
    assert ticket.first_response_breached_at == now + timedelta(hours=1)
    assert sla_of(ticket).state == "breached"
    breach = Event.objects.get(verb="tickets.first_response_breached")
    assert breach.occurred_at == now + timedelta(hours=1)


def test_a_late_solution_counts_as_late_before_the_next_look(
    policy: SLAPolicy, ticket: Ticket, viewer: Viewer
) -> None:
    with time_machine.travel(ticket.created_at + timedelta(hours=9)):
        solved = change_status(ticket=ticket, status="resolved", by=viewer)
    assert sla_of(solved).state == "breached"
    assert Event.objects.filter(verb="tickets.resolution_breached").count() == 1
