"""The SLA engine: promises of answers, pauses, warnings and steps, previews, explanations; and 2,000 random cases."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.calendars import OpeningHours
from core.job_runner import run_jobs
from core.models import Event, Job, Outbound
from core.outbox import send_due
from customers.models import Account
from customers.services.save_account import update_account
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tickets.models import Message, SLAPolicy, SLAStep, SLAStepRun, SLATarget, Status, Ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.mark_sla_breaches import mark_sla_breaches
from tickets.services.receive_message import Received
from tickets.services.recompute_sla import start_preview, start_recompute
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_sla_policy import StepSpec, TargetSpec, delete_sla_policy, save_sla_policy
from tickets.services.take_sla_steps import take_sla_steps
from tickets.sla import Promise, StatusChange, Turn, Waiting, run_clock, split_intervals, whose_turn
from tickets.sla_terms import status_changes_of
from tickets.ticket_facts import sla_of

HOUR = 3600
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
ENTERPRISE = {"field": "account_tier", "is": "in", "value": ["enterprise"]}

# --- the pure function ----------------------------------------------------------------------------------------------

_ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
)
_moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


@st.composite
def _windows(draw: st.DrawFn) -> dict[int, tuple[tuple[time, time], ...]]:
    """One to three windows on at least one weekday, at quarters of an hour."""
    week: dict[int, tuple[tuple[time, time], ...]] = {}
    for day in draw(st.sets(st.integers(0, 6), min_size=1)):
        edges = sorted(draw(st.sets(st.integers(0, 95), min_size=2, max_size=6)))
        pairs = list(zip(edges[::2], edges[1::2], strict=False))
        week[day] = tuple((_at(start), _at(end)) for start, end in pairs)
    return week


def _at(quarter: int) -> time:
    return time(quarter // 4, quarter % 4 * 15)


@st.composite
def _hours(draw: st.DrawFn) -> OpeningHours:
    country, region = draw(st.sampled_from([("", ""), ("DE", ""), ("DE", "BY"), ("US", "CA"), ("BR", "")]))
    return OpeningHours(
        ZoneInfo(draw(st.sampled_from(_ZONES))),
        draw(_windows()),
        frozenset(draw(st.sets(st.dates(date(2024, 1, 1), date(2027, 12, 31)), max_size=4))),
        country,
        region,
    )


_gaps = st.lists(
    st.tuples(
        st.integers(0, 9 * 86_400), st.booleans(), st.sampled_from(["open", "waiting", "on_hold", "resolved"])
    ),
    max_size=6,
)


def _check_case(
    hours: OpeningHours, start: datetime, first: int, second: int, steps: list[tuple[int, bool, str]]
) -> None:
    """What has to hold for any calendar, start, target and pauses."""
    in_a_week = sum(
        (end.hour - start.hour) * HOUR + (end.minute - start.minute) * 60
        for windows in hours.windows.values()
        for start, end in windows
    )
    first, second = first % (20 * in_a_week), second % (20 * in_a_week)
    middle, end = hours.add_seconds(start, first), hours.add_seconds(start, first + second)
    assert start <= middle <= end
    assert hours.add_seconds(middle, second) == end
    assert hours.seconds_between(start, end) == pytest.approx(first + second, abs=1e-3)
    assert hours.seconds_between(start, middle) + hours.seconds_between(middle, end) == pytest.approx(
        first + second, abs=1e-3
    )
    at, changes = start, []
    for gap, runs, category in steps:
        at += timedelta(seconds=gap)
        changes.append(StatusChange(at, category, runs))
    promise = Promise(hours, None, first)
    due = run_clock(opened_at=start, changes=changes, promise=promise).resolution_due_at
    more = run_clock(
        opened_at=start, changes=changes, promise=Promise(hours, None, first + second)
    ).resolution_due_at
    assert due is None or more is None or due <= more
    intervals = split_intervals(
        opened_at=start, changes=[*changes, StatusChange(at, "closed", False)], hours=hours
    )
    running = sum(interval.seconds or 0.0 for interval in intervals)
    paused = sum(
        hours.seconds_between(interval.start, interval.end)
        for interval in intervals
        if interval.end is not None and not interval.runs
    )
    assert running + paused == pytest.approx(hours.seconds_between(start, at), abs=1e-2)
    if due is not None:
        until = sum(
            hours.seconds_between(interval.start, min(interval.end or due, due))
            for interval in run_clock(opened_at=start, changes=changes, promise=promise).intervals
            if interval.runs and interval.start < due
        )
        assert until == pytest.approx(first, abs=1e-2)


_case = given(
    hours=_hours(),
    start=_moments,
    first=st.integers(0, 60 * 8 * HOUR),
    second=st.integers(0, 20 * 8 * HOUR),
    steps=_gaps,
)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@_case
def test_five_hundred_random_cases(**case: Any) -> None:
    _check_case(**case)


@pytest.mark.long
@pytest.mark.timeout(7200)
@settings(max_examples=100_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@_case
def test_a_hundred_thousand_random_cases(**case: Any) -> None:
    _check_case(**case)


@pytest.mark.parametrize(
    ("night", "length"), [(datetime(2026, 3, 29), 5), (datetime(2026, 10, 25), 7), (datetime(2026, 6, 7), 6)]
)
def test_the_nights_of_the_time_change_count_their_real_length(night: datetime, length: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = OpeningHours(berlin, {6: ((time(0), time(6)),)})
    start = night.replace(tzinfo=berlin)
    assert hours.seconds_between(start, start.replace(hour=6)) == length * HOUR
    assert hours.add_seconds(start, length * HOUR) == start.replace(hour=6)


@given(
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["in", "out", "solved", "open"])), max_size=12)
)
def test_whose_turn_it_is_follows_the_oldest_unanswered_message(steps: list[tuple[int, str]]) -> None:
    at, turns, changes = MONDAY, [], []
    since, answered = None, False
    for gap, kind in steps:
        at += timedelta(seconds=gap + 1)
        if kind == "in":
            turns.append(Turn(at, inbound=True))
            since = since or at
        elif kind == "out":
            turns.append(Turn(at, inbound=False))
            since, answered = None, True
        else:
            changes.append(StatusChange(at, "resolved" if kind == "solved" else "open"))
            since = None if kind == "solved" else since
    assert whose_turn(turns, changes) == Waiting(since, answered)


# --- on tickets -----------------------------------------------------------------------------------------------------


@pytest.fixture
def policy(db: None) -> SLAPolicy:
    """One hour to answer, two for each next answer, eight to solve; half of it for urgent ones."""
    policy = SLAPolicy.objects.create(name="Standard", position=2)
    for priority, factor in (("normal", 1.0), ("high", 0.75), ("urgent", 0.5)):
        SLATarget.objects.create(
            policy=policy,
            priority=priority,
            first_response_seconds=int(HOUR * factor),
            next_response_seconds=int(2 * HOUR * factor),
            resolution_seconds=int(8 * HOUR * factor),
        )
    return policy


@pytest.fixture
def lead(db: None) -> User:
    """A lead."""
    return make_user("lead", "Lena Vogt")


@pytest.fixture
def at() -> Any:
    """Set the clock to so many minutes after Monday morning: ``at(30)``."""
    traveller: list[Any] = []

    def travel(minutes: float) -> datetime:
        while traveller:
            traveller.pop().stop()
        moment = MONDAY + timedelta(minutes=minutes)
        traveller.append(time_machine.travel(moment, tick=False))
        traveller[-1].start()
        return moment

    yield travel
    while traveller:
        traveller.pop().stop()


def fresh(ticket: Ticket) -> Ticket:
    """The row as it is now."""
    return Ticket.objects.select_related("status", "sla_policy").get(pk=ticket.pk)


def test_each_time_the_customer_writes_after_our_answer_an_answer_is_due(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, at: Any
) -> None:
    at(0)
    ticket = write().ticket
    assert ticket.next_response_due_at is None
    at(10)
    write("And one more thing", ticket=ticket)
    assert fresh(ticket).next_response_due_at is None  # that is still the first answer
    at(20)
    reply_to_ticket(ticket=ticket, body="We look into it.", by=viewer)
    assert fresh(ticket).next_due_at == MONDAY + timedelta(hours=8)
    written = at(60)
    write("Any news?", ticket=ticket)
    at(90)
    write("Hello?", ticket=ticket)
    waiting = fresh(ticket)
    assert waiting.next_response_due_at == written + timedelta(hours=2)
    facts = sla_of(waiting)
    assert (facts.about, facts.state, facts.total_seconds) == ("next_response", "running", 2 * HOUR)
    at(100)
    reply_to_ticket(ticket=ticket, body="Yes.", by=viewer)
    assert fresh(ticket).next_response_due_at is None
    assert not Event.objects.filter(verb="tickets.next_response_breached").exists()


def test_a_late_next_answer_is_a_breach_once_per_wait(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, at: Any
) -> None:
    at(0)
    ticket = write().ticket
    at(5)
    reply_to_ticket(ticket=ticket, body="Hello.", by=viewer)
    for start in (10, 200):
        written = at(start)
        write("Any news?", ticket=ticket)
        now = at(start + 130)
        assert mark_sla_breaches(now=now) == 1
        assert mark_sla_breaches(now=now + timedelta(seconds=5)) == 0
        assert sla_of(fresh(ticket)).state == "breached"
        assert fresh(ticket).next_response_breached_at == written + timedelta(hours=2)
        at(start + 140)
        reply_to_ticket(ticket=ticket, body="Sorry.", by=viewer)
        assert sla_of(fresh(ticket)).about == "resolution"
    assert Event.objects.filter(verb="tickets.next_response_breached").count() == 2


def test_an_answer_that_is_late_counts_as_late_before_the_next_look(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, at: Any
) -> None:
    at(0)
    ticket = write().ticket
    at(5)
    reply_to_ticket(ticket=ticket, body="Hello.", by=viewer)
    at(10)
    write("Any news?", ticket=ticket)
    at(10 + 121)
    reply_to_ticket(ticket=ticket, body="Late.", by=viewer)
    breach = Event.objects.get(verb="tickets.next_response_breached")
    assert breach.occurred_at == MONDAY + timedelta(minutes=10 + 120)


def test_the_columns_and_the_events_agree_on_whose_turn_it_is(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, at: Any
) -> None:
    at(0)
    ticket = write().ticket
    plan = [
        "in",
        "out",
        "in",
        "in",
        "resolved",
        "in",
        "waiting",
        "in",
        "out",
        "on_hold",
        "in",
        "resolved",
        "open",
    ]
    for number, act in enumerate(plan, 1):
        at(number * 7)
        if act == "in":
            write("More", ticket=fresh(ticket))
        elif act == "out":
            reply_to_ticket(ticket=fresh(ticket), body="Answer", by=viewer)
        else:
            change_status(ticket=fresh(ticket), status=act, by=viewer)
        turns = [
            Turn(message.created_at, inbound=message.kind == Message.Kind.INBOUND)
            for message in Message.objects.filter(ticket=ticket).order_by("created_at")
        ]
        waiting = whose_turn(turns, status_changes_of([ticket.pk])[ticket.pk])
        row = fresh(ticket)
        assert waiting == Waiting(row.waiting_since, row.first_responded_at is not None), (number, act)


def test_a_status_pauses_when_it_says_so_and_its_past_stays_as_it_was(
    policy: SLAPolicy, ticket: Ticket, viewer: Viewer
) -> None:
    opened = ticket.created_at
    vendor = Status.objects.create(
        key="vendor", name="With the vendor", category="open", customer_label="In progress", pauses_sla=True
    )
    with time_machine.travel(opened + timedelta(minutes=10), tick=False):
        Ticket.objects.filter(pk=ticket.pk).update(first_responded_at=timezone.now(), waiting_since=None)
        paused = change_status(ticket=ticket, status="vendor", by=viewer)
    assert (paused.resolution_due_at, paused.next_due_at) == (None, None)
    assert sla_of(paused).state == "paused"
    detail = Event.objects.select_related("detail").get(verb="tickets.status_changed").detail.data
    assert detail is not None
    assert detail["runs"] is False
    vendor.pauses_sla = False
    vendor.save()
    with time_machine.travel(opened + timedelta(hours=5), tick=False):
        running = change_status(ticket=ticket, status="open", by=viewer)
    assert running.resolution_due_at == opened + timedelta(hours=8) + timedelta(hours=4, minutes=50)
    # what was recorded before statuses told it falls back to the category
    assert StatusChange(opened, "waiting").clock_runs is False
    assert StatusChange(opened, "open").clock_runs is True


# --- policies -------------------------------------------------------------------------------------------------------


def _save(by: Viewer, **values: Any) -> SLAPolicy:
    defaults: dict[str, Any] = {
        "name": "Gold", "position": 1, "condition": ENTERPRISE, "calendar": None,
        "targets": {"normal": TargetSpec(600, 1200, 7200)},
    }  # fmt: skip
    return save_sla_policy(**{**defaults, **values}, by=by)


def test_the_first_policy_whose_condition_holds_is_chosen_and_again_when_tags_change(
    policy: SLAPolicy, ticket: Ticket, admin: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    assert ticket.sla_policy == policy
    vip = _save(admin.as_viewer(), name="VIP", condition={"field": "tags", "is": "any", "value": ["vip"]})
    change_tags(ticket=ticket, add=["vip"], by=viewer)
    pump()
    moved = fresh(ticket)
    assert (moved.sla_policy, moved.sla_policy_version) == (vip, 1)
    assert moved.first_response_due_at == ticket.created_at + timedelta(minutes=10)
    change_tags(ticket=moved, remove=["vip"], by=viewer)
    pump()
    assert fresh(ticket).sla_policy == policy
    assert Event.objects.filter(verb="tickets.sla_applied").count() == 2


def test_a_change_of_the_account_moves_its_open_tickets(
    policy: SLAPolicy, ticket: Ticket, account: Account, admin: User, pump: Callable[[], int]
) -> None:
    gold = _save(admin.as_viewer(), condition={"field": "account_tier", "is": "in", "value": ["starter"]})
    pump()
    assert fresh(ticket).sla_policy == policy
    update_account(account=account, values={"tier": "starter"}, by=admin.as_viewer())
    pump()
    assert fresh(ticket).sla_policy == gold


def test_all_tickets_of_a_large_account_move_by_a_job(
    policy: SLAPolicy,
    write: Callable[..., Received],
    account: Account,
    admin: User,
    pump: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("services.recompute_sla", "subscribers.sla_policy", "jobs.recompute_sla"):
        monkeypatch.setattr(f"tickets.{module}.BATCH", 2)
    tickets = [write(str(number), subject=f"No {number}").ticket for number in range(5)]
    condition = {"field": "account_tier", "is": "in", "value": ["starter"]}
    first = _save(admin.as_viewer(), condition=condition)
    pump()
    update_account(account=account, values={"tier": "starter"}, by=admin.as_viewer())
    pump()
    moved = Ticket.objects.filter(sla_policy=first)
    # The first of them at once, and never in the transaction that moves the position.
    assert sorted(moved.values_list("pk", flat=True)) == [ticket.pk for ticket in tickets[:2]]
    run_jobs("batch")
    assert moved.count() == 5
    events = Event.objects.filter(verb="tickets.sla_applied", ticket_id__in=moved.values("pk")).order_by("pk")
    in_order = [event.ticket_id for event in events if (event.detail.data or {})["to"] == first.pk]
    assert in_order == [ticket.pk for ticket in tickets]


def test_priority_chooses_at_once(policy: SLAPolicy, ticket: Ticket, admin: User, viewer: Viewer) -> None:
    fast = _save(
        admin.as_viewer(),
        name="Urgent",
        condition={"field": "priority", "is": "in", "value": ["urgent"]},
        targets={"urgent": TargetSpec(first_response=60)},
    )
    changed = change_priority(ticket=ticket, priority="urgent", by=viewer)
    assert changed.sla_policy == fast
    assert changed.resolution_due_at is None
    assert changed.next_due_at == ticket.created_at + timedelta(minutes=1)


@pytest.mark.django_db
def test_choosing_costs_no_query_per_policy(
    ticket: Ticket, admin: User, django_assert_num_queries: Any
) -> None:
    from tickets.services.apply_sla import choose_policy

    for number in range(8):
        _save(admin.as_viewer(), name=f"P{number}", position=number,
              condition={"field": "channel", "is": "in", "value": ["phone"]})  # fmt: skip
    loaded = Ticket.objects.select_related("status", "account", "contact").get(pk=ticket.pk)
    with django_assert_num_queries(3):
        assert choose_policy(loaded) is None


def test_saving_counts_versions_and_says_what_changed(policy: SLAPolicy, admin: User, viewer: Viewer) -> None:
    by = admin.as_viewer()
    gold = _save(by)
    assert gold.version == 1
    again = _save(by, policy=gold)
    assert again.version == 1  # nothing was different
    changed = _save(by, policy=gold, targets={"normal": TargetSpec(600, None, 7200)})
    assert changed.version == 2
    event = Event.objects.select_related("detail").filter(verb="tickets.sla_policy_saved").latest("pk")
    assert event.detail.data == {
        "targets": [{"normal": [600, 1200, 7200]}, {"normal": [600, None, 7200]}],
        "version": 2,
    }
    with pytest.raises(PermissionDenied):
        _save(viewer, policy=gold)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"condition": {"field": "created_at", "is": "older_than", "value": 3600}}, "condition"),
        ({"condition": {"field": "breached", "is": "is", "value": True}}, "condition"),
        ({"condition": {"field": "assignee", "is": "in", "value": ["me"]}}, "condition"),
        ({"condition": {"field": "moon", "is": "in", "value": ["full"]}}, "condition"),
        ({"targets": {}}, "__all__"),
        ({"targets": {"normal": TargetSpec()}}, "targets"),
        ({"targets": {"normal": TargetSpec(first_response=0)}}, "targets"),
        ({"targets": {"normal": TargetSpec(600, None, 60)}}, "resolution_normal"),
        ({"steps": [StepSpec("share", 120, "warn")]}, "steps"),
        ({"steps": [StepSpec("before", 30, "reassign")]}, "steps"),
        ({"steps": [StepSpec("after", 30, "webhook", url="ftp://x")]}, "steps"),
        ({"steps": [StepSpec("after", 30, "webhook", url="http://[")]}, "steps"),
    ],
)
def test_policies_that_cannot_be_kept_are_refused(admin: User, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _save(admin.as_viewer(), **values)
    found = refused.value.error_dict if hasattr(refused.value, "error_dict") else {"__all__": None}
    assert field in found
    assert not SLAPolicy.objects.filter(name="Gold").exists()


# --- steps ----------------------------------------------------------------------------------------------------------


def _step(policy: SLAPolicy, **values: Any) -> SLAStep:
    defaults = {"timing": "share", "amount": 75, "action": "warn", "created_at": MONDAY - timedelta(days=1)}
    return SLAStep.objects.create(policy=policy, **{**defaults, **values})


def test_a_warning_is_given_once_before_the_deadline(
    policy: SLAPolicy, write: Callable[..., Received], agent: User, at: Any
) -> None:
    _step(policy, promise="first_response")
    at(0)
    ticket = write().ticket
    Ticket.objects.filter(pk=ticket.pk).update(assignee=agent)
    assert ticket.sla_step_at == MONDAY + timedelta(minutes=45)
    assert take_sla_steps(now=at(44)) == 0
    assert take_sla_steps(now=at(46)) == 1
    assert take_sla_steps(now=at(46)) == 0
    assert take_sla_steps(now=at(50)) == 0
    warned = Event.objects.select_related("detail").get(verb="tickets.sla_warned")
    assert warned.detail.data is not None
    assert warned.detail.data["to"] == [agent.pk]
    assert warned.detail.data["promise"] == "first_response"
    assert fresh(ticket).sla_step_at is None


def test_the_same_pause_does_not_warn_again_and_a_later_deadline_does(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, at: Any
) -> None:
    _step(policy, promise="resolution", amount=50)
    at(0)
    ticket = write().ticket
    assert take_sla_steps(now=at(241)) == 1
    change_status(ticket=ticket, status="waiting", by=viewer)
    at(600)
    change_status(ticket=ticket, status="open", by=viewer)
    assert fresh(ticket).resolution_due_at == MONDAY + timedelta(minutes=600 + 480 - 241)
    assert take_sla_steps(now=at(601)) == 0  # half of the time was used up before the pause
    assert take_sla_steps(now=at(700)) == 0
    target = policy.targets.get(priority="normal")
    target.resolution_seconds = 16 * HOUR
    target.save()
    change_status(ticket=ticket, status="on_hold", by=viewer)
    change_status(ticket=ticket, status="open", by=viewer)
    assert take_sla_steps(now=at(1000)) == 1  # twice the time: half of it is a later moment
    assert Event.objects.filter(verb="tickets.sla_warned").count() == 2


def test_a_new_step_looks_ahead_only(policy: SLAPolicy, ticket: Ticket, admin: User) -> None:
    with time_machine.travel(ticket.created_at + timedelta(minutes=50), tick=False):
        save_sla_policy(
            name="Standard", position=2, condition={}, calendar=None, policy=policy, by=admin.as_viewer(),
            targets={"normal": TargetSpec(HOUR, None, 8 * HOUR)},
            steps=[StepSpec("share", 75, "warn")],
        )  # fmt: skip
        call_command("recompute_sla", stdout=StringIO())
        assert take_sla_steps() == 0
    assert take_sla_steps(now=ticket.created_at + timedelta(hours=6, minutes=1)) == 1
    assert Event.objects.get(verb="tickets.sla_warned").ticket_id == ticket.pk


def test_raising_the_priority_happens_once_though_the_deadline_moves(
    policy: SLAPolicy, write: Callable[..., Received], at: Any
) -> None:
    _step(policy, promise="resolution", timing="before", amount=60, action="raise")
    at(0)
    ticket = write().ticket
    assert take_sla_steps(now=at(7 * 60)) == 1
    raised = fresh(ticket)
    assert raised.priority == "high"
    assert raised.resolution_due_at == MONDAY + timedelta(hours=6)
    assert take_sla_steps(now=at(7 * 60 + 1)) == 0
    assert fresh(ticket).priority == "high"
    assert SLAStepRun.objects.get().outcome == "raised to High"


def test_after_a_breach_the_ticket_goes_to_a_person_and_back_to_the_team(
    policy: SLAPolicy, write: Callable[..., Received], lead: User, at: Any
) -> None:
    _step(policy, promise="first_response", timing="after", amount=10, action="reassign", person=lead)
    _step(policy, promise="first_response", timing="after", amount=20, action="return")
    at(0)
    ticket = write().ticket
    assert take_sla_steps(now=at(71)) == 1
    assert fresh(ticket).assignee == lead
    assert Event.objects.filter(verb="tickets.first_response_breached").count() == 1
    assert take_sla_steps(now=at(81)) == 1
    assert fresh(ticket).assignee is None
    assert mark_sla_breaches(now=at(82)) == 0


def test_recipients(
    policy: SLAPolicy, write: Callable[..., Received], team: Team, agent: User, lead: User, at: Any
) -> None:
    for place, recipient in enumerate(["owner", "team", "lead", "person"]):
        _step(policy, position=place, promise="first_response", recipient=recipient,
              person=lead if recipient == "person" else None)  # fmt: skip
    at(0)
    ticket = write().ticket
    Ticket.objects.filter(pk=ticket.pk).update(team=team)
    assert take_sla_steps(now=at(50)) == 4
    told = [
        event.detail.data["to"] if event.detail.data else None
        for event in Event.objects.filter(verb="tickets.sla_warned").select_related("detail").order_by("pk")
    ]
    assert told == [[agent.pk], [agent.pk], [lead.pk], [lead.pk]]


def test_a_webhook_goes_through_the_outbox_and_not_to_private_addresses(
    policy: SLAPolicy, write: Callable[..., Received], at: Any
) -> None:
    _step(policy, promise="first_response", action="webhook", url="http://127.0.0.1/hook")
    at(0)
    ticket = write().ticket
    assert take_sla_steps(now=at(50)) == 1
    send_due()
    row = Outbound.objects.get(kind="tickets.sla_webhook")
    assert (row.state, row.ticket_id) == (Outbound.State.FAILED, ticket.pk)
    assert "no public address" in row.last_error
    assert "no public address" in SLAStepRun.objects.get().outcome


_ACTS = ("in", "out", "waiting", "open", "urgent", "normal", "look", "resolved")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=st.lists(st.tuples(st.integers(1, 200), st.sampled_from(_ACTS)), max_size=14))
def test_no_breach_and_no_warning_is_recorded_twice(
    policy: SLAPolicy, write: Callable[..., Received], viewer: Viewer, plan: list[tuple[int, str]]
) -> None:
    if not policy.steps.exists():
        _step(policy)
        _step(policy, timing="before", amount=15)
    minutes = 0
    with time_machine.travel(MONDAY, tick=False):
        ticket = write().ticket
    for gap, act in plan:
        minutes += gap
        with time_machine.travel(MONDAY + timedelta(minutes=minutes), tick=False):
            row = fresh(ticket)
            if act == "in":
                write("More", ticket=row)
            elif act == "out":
                reply_to_ticket(ticket=row, body="Answer", by=viewer)
            elif act in {"urgent", "normal"}:
                change_priority(ticket=row, priority=act, by=viewer)
            elif act != "look":
                change_status(ticket=row, status=act, by=viewer)
            for _again in range(2):
                mark_sla_breaches()
                take_sla_steps()
    events = Event.objects.filter(ticket_id=ticket.pk).select_related("detail")
    for verb in ("tickets.first_response_breached", "tickets.resolution_breached"):
        assert events.filter(verb=verb).count() <= 1
    waits = [event.occurred_at for event in events.filter(verb="tickets.next_response_breached")]
    assert len(waits) == len(set(waits))
    warned = [
        (event.detail.data["step"], event.detail.data["promise"], event.detail.data["due_at"])
        for event in events.filter(verb="tickets.sla_warned")
        if event.detail.data is not None
    ]
    assert len(warned) == len(set(warned))


# --- preview and recompute ------------------------------------------------------------------------------------------


def test_a_preview_says_what_would_move_and_moves_nothing(
    policy: SLAPolicy, write: Callable[..., Received], admin: User, login: Any
) -> None:
    tickets = [write(subject=f"Case {number}").ticket for number in range(3)]
    start_preview(
        name="Standard", position=2, condition={}, calendar=None, policy=policy, by=admin.as_viewer(),
        targets={"normal": TargetSpec(60, None, 4 * HOUR)},
    )  # fmt: skip
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        run_jobs("batch")
    job = Job.objects.get(kind="tickets.preview_sla")
    assert job.state == Job.State.DONE
    assert {key: job.result[key] for key in ("looked", "moved", "earlier", "later", "broken")} == {
        "looked": 3, "moved": 3, "earlier": 3, "later": 0, "broken": 3,
    }  # fmt: skip
    assert [fresh(one).first_response_due_at for one in tickets] == [
        one.first_response_due_at for one in tickets
    ]
    page = login(admin).get(f"/settings/sla/preview/{job.pk}/").content.decode()
    assert "3 earlier" in page.replace('<b class="num">', "").replace("</b>", "")
    assert "Case 0" in page


def test_saving_on_the_page_computes_open_tickets_again(
    policy: SLAPolicy, ticket: Ticket, admin: User, login: Any
) -> None:
    browser: Client = login(admin)
    form = {
        "name": "Standard", "position": "2", "is_active": "on", "condition": "", "response_normal": "0.25",
        "next_normal": "0.5", "resolution_normal": "4",
        "step-TOTAL_FORMS": "2", "step-INITIAL_FORMS": "0",
        "step-0-amount": "80", "step-0-timing": "share", "step-0-action": "warn", "step-0-recipient": "lead",
        "step-1-amount": "", "step-1-timing": "share", "step-1-action": "",
    }  # fmt: skip
    assert browser.post(f"/settings/sla/{policy.pk}/", form).status_code == 302
    run_jobs("batch")
    assert fresh(ticket).first_response_due_at == ticket.created_at + timedelta(minutes=15)
    assert Job.objects.get(kind="tickets.recompute_sla").result == {"looked": 1, "moved": 1}
    step = policy.steps.get()
    assert (step.amount, step.recipient) == (80, "lead")
    shown = browser.get(f"/settings/sla/{policy.pk}/").content.decode()
    assert 'value="80"' in shown
    refused = browser.post(f"/settings/sla/{policy.pk}/preview/", {**form, "response_normal": "-1"})
    assert refused.status_code == 422
    started = browser.post(f"/settings/sla/{policy.pk}/preview/", form)
    assert started.status_code == 200
    assert 'hx-trigger="every 1s"' in started.content.decode()
    browser.post(f"/settings/sla/{policy.pk}/delete/")
    run_jobs("batch")
    assert fresh(ticket).next_due_at is None


def test_a_saved_calendar_moves_the_deadlines_it_counts(
    ticket: Ticket, admin: User, pump: Callable[[], int]
) -> None:
    from people.services.save_calendar import save_calendar

    by = admin.as_viewer()
    every_day = {str(day): [["00:00", "24:00"]] for day in range(7)}
    calendar = save_calendar(name="Always", timezone="UTC", windows=every_day, holidays=[], by=by)
    _save(by, calendar=calendar, condition={})
    call_command("recompute_sla", stdout=StringIO())
    assert fresh(ticket).first_response_due_at == ticket.created_at + timedelta(minutes=10)
    today = ticket.created_at.date()
    off = [(today + timedelta(days=day)).isoformat() for day in (0, 1)]
    save_calendar(name="Always", timezone="UTC", windows=every_day, holidays=off, calendar=calendar, by=by)
    pump()
    run_jobs("batch")
    opens = datetime.combine(today + timedelta(days=2), time(0), UTC)
    assert fresh(ticket).first_response_due_at == opens + timedelta(minutes=10)


def test_recompute_is_for_administrators(policy: SLAPolicy, viewer: Viewer, admin: User) -> None:
    with pytest.raises(PermissionDenied):
        start_recompute(by=viewer, because="test")
    with pytest.raises(PermissionDenied):
        delete_sla_policy(policy=policy, by=viewer)


# --- why this deadline ----------------------------------------------------------------------------------------------


def test_the_reason_of_a_deadline_names_every_stretch(
    policy: SLAPolicy,
    write: Callable[..., Received],
    viewer: Viewer,
    agent: User,
    api: Any,
    login: Any,
    at: Any,
) -> None:
    at(0)
    ticket = write().ticket
    at(30)
    reply_to_ticket(ticket=ticket, body="Hello.", status="waiting", by=viewer)
    at(90)
    write("Here you are", ticket=ticket)
    at(100)
    rest: APIClient = api("tickets:read")
    found = rest.get(f"/api/v1/tickets/{ticket.pk}/sla/").json()
    assert (found["policy"]["name"], found["policy"]["version"]) == ("Standard", 1)
    stretches = [(one["category"], one["runs"], one["business_seconds"]) for one in found["intervals"]]
    assert stretches == [("new", True, 1800.0), ("waiting", False, 0.0), ("open", True, 600.0)]
    promises = {one["promise"]: one for one in found["promises"]}
    assert promises["first_response"]["state"] == "kept"
    assert promises["next_response"]["state"] == "running"
    assert promises["next_response"]["due_at"] == "2026-11-16T12:30:00Z"
    assert promises["resolution"]["due_at"] == "2026-11-16T18:00:00Z"
    assert promises["resolution"]["used_seconds"] == 2400.0
    page = login(agent).get(f"/inbox/{ticket.pk}/sla/").content.decode()
    assert "Standard" in page
    assert "version 1" in page
    row = rest.get(f"/api/v1/tickets/{ticket.pk}/").json()["sla"]
    assert row["about"] == "next_response"
    assert row["next_response_due_at"] == "2026-11-16T12:30:00Z"


def test_a_ticket_without_a_promise_says_so(ticket: Ticket, api: Any, agent: User, login: Any) -> None:
    found = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/sla/").json()
    assert (found["policy"], found["promises"]) == (None, [])
    assert login(agent).get(f"/inbox/{ticket.pk}/sla/").status_code == 200


def test_the_reason_is_only_for_who_may_see_the_ticket(
    policy: SLAPolicy, ticket: Ticket, private_team: Team, agent: User, login: Any, api: Any
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    assert login(agent).get(f"/inbox/{ticket.pk}/sla/").status_code == 404
    assert api("accounts:read").get(f"/api/v1/tickets/{ticket.pk}/sla/").status_code == 403


def test_tiers_of_before_become_conditions() -> None:
    from importlib import import_module

    module = import_module("tickets.migrations.0002_policy_conditions")

    class Row:
        def __init__(self, tiers: list[str]) -> None:
            self.tiers, self.condition, self.saved = tiers, {}, False

        def save(self, update_fields: list[str]) -> None:
            self.saved = True

    rows = [Row(["enterprise"]), Row([])]

    class Apps:
        @staticmethod
        def get_model(_app: str, _name: str) -> Any:
            return type("M", (), {"objects": type("O", (), {"all": staticmethod(lambda: rows)})})

    module.tiers_to_condition(Apps, None)
    assert json.loads(json.dumps(rows[0].condition)) == ENTERPRISE
    assert (rows[1].condition, rows[1].saved) == ({}, False)


def test_the_task_and_the_people_who_are_no_longer_here(
    policy: SLAPolicy, write: Callable[..., Received], at: Any
) -> None:
    gone = make_user("agent", "Gone Person")
    _step(policy, promise="first_response", recipient="person", person=gone)
    at(0)
    write()
    gone.is_active = False
    gone.save()
    from tickets.tasks import take_sla_steps_task

    at(50)
    take_sla_steps_task()
    warned = Event.objects.select_related("detail").get(verb="tickets.sla_warned")
    assert warned.detail.data is not None
    assert warned.detail.data["to"] == []
    assert system_viewer("task").kind == "system"
