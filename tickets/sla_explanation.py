"""Why a deadline is what it is: the policy, its calendar, every stretch with what it counted, and each promise in words.

Computed anew from the events and messages of the ticket, under the terms of the version that its deadlines were computed
under: a ticket that is over keeps those of its time. ``stored_differs`` says that the columns hold something else, as they do
until the job that computes deadlines again has come by after a change of a calendar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.functional import Promise as LazyText
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.calendars import CalendarError, OpeningHours
from people.viewer import Viewer
from tickets.conditions import Condition, in_words, is_permitted
from tickets.models import Message, SLAPolicy, SLAPolicyVersion, SLAStepRun, Status, Ticket
from tickets.sla import PROMISES, Interval, Promise, PromiseName, Turn, Waiting, run_clock, whose_turn
from tickets.sla_terms import nearest, policy_of, promise_of, status_changes_of
from tickets.sla_versions import promise_under, version_of

LABELS: dict[PromiseName, str | LazyText] = {
    "first_response": gettext_lazy("First answer"),
    "next_response": gettext_lazy("Next answer"),
    "resolution": gettext_lazy("Solution"),
}
MOST_HOLIDAYS = 8


@dataclass(frozen=True)
class PromiseExplained:
    """One promise: how long, from when, how much is used, when it is due, where it stands, and why in a sentence.

    ``state`` is "running", "paused", "kept", "broken" or "idle" (nothing is due now). Seconds are business seconds.
    """

    promise: PromiseName
    label: str
    promised_seconds: int
    started_at: datetime | None
    used_seconds: float | None
    due_at: datetime | None
    broken_at: datetime | None
    state: str
    why: str


@dataclass(frozen=True)
class StretchExplained:
    """A stretch of the ticket's life; ``end`` is None for the present one, whose seconds count until now."""

    start: datetime
    end: datetime | None
    category: str
    label: str
    runs: bool
    business_seconds: float


@dataclass(frozen=True)
class StepExplained:
    """A step that was taken."""

    at: datetime
    promise: str
    action: str
    due_at: datetime
    outcome: str


@dataclass(frozen=True)
class Explanation:
    """Everything behind the deadlines of one ticket. Without a policy only ``policy`` (None) and ``condition`` say so.

    ``condition`` is empty for who may not read what it asks about, revenue for example.

    ``terms`` is the version of the policy that the deadlines were computed under, None when its terms were not kept;
    ``overtaken`` says that the policy has a newer version by now, whose terms do not hold for this ticket, or not yet.
    """

    policy: SLAPolicy | None
    terms: SLAPolicyVersion | None
    overtaken: bool
    condition: str
    calendar: str
    timezone: str
    holidays: tuple[tuple[date, str], ...]
    priority: str
    next_due_at: datetime | None
    promises: tuple[PromiseExplained, ...]
    stretches: tuple[StretchExplained, ...]
    steps: tuple[StepExplained, ...]
    stored_differs: bool
    problem: str


def explain_sla(ticket: Ticket, *, by: Viewer, now: datetime | None = None) -> Explanation:
    """Explain the deadlines of a loaded ticket (``status``, ``sla_policy``) to a viewer: at most seven queries."""
    moment = now or timezone.now()
    policy = policy_of(ticket)
    terms = version_of(ticket)
    overtaken = terms is not None and policy is not None and terms.version != policy.version
    promise = promise_of(policy, ticket.priority)
    if terms is not None and overtaken:
        promise = promise_under(terms.terms, ticket.priority)
    if policy is None or promise is None:
        return _nothing(ticket, policy, terms, by)
    changes = status_changes_of([ticket.pk])[ticket.pk]
    waiting = whose_turn(_turns(ticket), changes)
    try:
        clock = run_clock(opened_at=ticket.created_at, changes=changes, promise=promise, waiting=waiting)
    except CalendarError:
        return _nothing(
            ticket, policy, terms, by, _("The calendar does not hold the promised time within ten years.")
        )
    stretches = _stretches(clock.intervals, promise.hours, moment)
    used = sum(one.business_seconds for one in stretches)
    dues = {
        "first_response": clock.first_response_due_at,
        "next_response": clock.next_response_due_at,
        "resolution": clock.resolution_due_at,
    }
    case = _Case(ticket, promise, waiting, clock.intervals, used, moment)
    promises = tuple(
        _explain(case, name, dues[name]) for name in PROMISES if promise.seconds(name) is not None
    )
    stored = (ticket.first_response_due_at, ticket.next_response_due_at, ticket.resolution_due_at)
    calendar = _calendar(policy, terms)
    return Explanation(
        policy=policy,
        terms=terms,
        overtaken=overtaken,
        condition=_condition(policy.condition if terms is None else terms.terms["condition"], by),
        calendar=calendar[0] or _("around the clock"),
        timezone=calendar[1],
        holidays=_holidays(promise.hours, ticket.created_at, max(filter(None, [*dues.values(), moment]))),
        priority=ticket.get_priority_display(),
        next_due_at=nearest(ticket, *dues.values()),
        promises=promises,
        stretches=stretches,
        steps=_steps(ticket),
        stored_differs=stored != tuple(dues.values()),
        problem="",
    )


@dataclass(frozen=True)
class _Case:
    """What the sentences about one ticket draw on; ``used`` counts towards the solution."""

    ticket: Ticket
    promise: Promise
    waiting: Waiting
    intervals: Sequence[Interval]
    used: float
    now: datetime

    @property
    def is_over(self) -> bool:
        """Whether the ticket is resolved or closed."""
        return self.ticket.status.category not in Status.ACTIVE


def _calendar(policy: SLAPolicy | None, terms: SLAPolicyVersion | None) -> tuple[str, str]:
    """Name and time zone of the calendar that the terms count in, empty when the clock never stops."""
    if terms is not None:
        kept = terms.terms["calendar"]
        return (kept["name"], kept["timezone"]) if kept else ("", "")
    if policy is None or policy.calendar is None:
        return "", ""
    return policy.calendar.name, policy.calendar.timezone


def _condition(condition: Condition, by: Viewer) -> str:
    """In words; empty when it asks about what the viewer may not read, since it holds for the ticket."""
    return in_words(condition) if is_permitted(condition, by) else ""


def _nothing(
    ticket: Ticket, policy: SLAPolicy | None, terms: SLAPolicyVersion | None, by: Viewer, problem: str = ""
) -> Explanation:
    if not problem and policy is not None:
        problem = _("The policy promises nothing for the priority “%s”.") % ticket.get_priority_display()
    return Explanation(
        policy=policy,
        terms=terms,
        overtaken=terms is not None and policy is not None and terms.version != policy.version,
        condition="" if policy is None else _condition(policy.condition, by),
        calendar=_calendar(policy, terms)[0],
        timezone="",
        holidays=(),
        priority=ticket.get_priority_display(),
        next_due_at=None,
        promises=(),
        stretches=(),
        steps=(),
        stored_differs=False,
        problem=problem or _("The condition of no active policy holds for this ticket."),
    )


def _turns(ticket: Ticket) -> list[Turn]:
    """Who wrote when: messages a person sent, and answers; neither notes nor automatic messages."""
    rows = (
        Message.objects.filter(ticket=ticket, is_automatic=False)
        .exclude(kind=Message.Kind.NOTE)
        .order_by("created_at", "pk")
        .values_list("created_at", "kind")
    )
    return [Turn(at, kind == Message.Kind.INBOUND) for at, kind in rows]


def _stretches(
    intervals: Sequence[Interval], hours: OpeningHours, now: datetime
) -> tuple[StretchExplained, ...]:
    labels = dict(Status.Category.choices)
    return tuple(
        StretchExplained(
            start=one.start,
            end=one.end,
            category=one.category,
            label=str(labels.get(one.category, one.category)),
            runs=one.runs,
            business_seconds=(hours.seconds_between(one.start, max(now, one.start)) if one.runs else 0.0)
            if one.seconds is None
            else one.seconds,
        )
        for one in intervals
    )


def _explain(case: _Case, name: PromiseName, due: datetime | None) -> PromiseExplained:
    seconds = case.promise.seconds(name) or 0
    started = {
        "first_response": case.ticket.created_at,
        "next_response": case.waiting.since if case.waiting.answered else None,
        "resolution": case.ticket.created_at,
    }[name]
    state, broken_at = _state(case, name, due)
    return PromiseExplained(
        promise=name,
        label=str(LABELS[name]),
        promised_seconds=seconds,
        started_at=started,
        used_seconds=_used(case, name, started),
        due_at=due,
        broken_at=broken_at,
        state=state,
        why=_why(case, name, due, started),
    )


def _used(case: _Case, name: PromiseName, started: datetime | None) -> float | None:
    """Business seconds used so far: until the answer, until now."""
    if name == "resolution":
        return case.used
    if started is None:
        return None
    end = case.ticket.first_responded_at if name == "first_response" else None
    return case.promise.hours.seconds_between(started, max(end or case.now, started))


def _state(case: _Case, name: PromiseName, due: datetime | None) -> tuple[str, datetime | None]:
    ticket = case.ticket
    late = due is not None and due < case.now
    if name == "first_response":
        answered = ticket.first_responded_at
        broken = (
            due is not None and due < (answered or case.now) and (answered is not None or not case.is_over)
        )
        broken_at = ticket.first_response_breached_at or (due if broken else None)
        return ("broken" if broken_at else "kept" if answered or case.is_over else "running"), broken_at
    if name == "next_response":
        if due is None:
            return "idle", None
        return ("broken", due) if late else ("running", None)
    if ticket.resolution_breached_at is not None or (late and not case.is_over):
        return "broken", ticket.resolution_breached_at or due
    if case.is_over:
        return "kept", None
    return ("running" if case.intervals[-1].runs else "paused"), None


def _why(case: _Case, name: PromiseName, due: datetime | None, started: datetime | None) -> str:
    """One sentence on how the deadline comes about."""
    if name == "first_response":
        return _("Counts from when the ticket was opened, whatever its status.")
    if name == "next_response":
        if started is None:
            return _("Nothing to answer now. Counts from the oldest message after our last answer.")
        return _("Counts from the oldest message that we have not answered, whatever the status.")
    if due is None:
        left = max(0.0, (case.promise.seconds(name) or 0) - case.used)
        if not case.is_over:
            return _("The clock stands still; %d minutes are left when it goes on.") % round(left / 60)
        return _("The ticket is over; %d minutes were left.") % round(left / 60)
    return _("Counts the stretches in which the clock runs; paused time is credited in full.")


def _holidays(hours: OpeningHours, start: datetime, end: datetime) -> tuple[tuple[date, str], ...]:
    """The holidays between opening and the last deadline, the first few."""
    zone: ZoneInfo = hours.zone
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    found = []
    for number in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        name = hours.holiday_name(day)
        if name is not None:
            found.append((day, name or _("own holiday")))
        if len(found) == MOST_HOLIDAYS:
            break
    return tuple(found)


def _steps(ticket: Ticket) -> tuple[StepExplained, ...]:
    runs = SLAStepRun.objects.filter(ticket=ticket).select_related("step").order_by("-pk")[:20]
    return tuple(
        StepExplained(run.ran_at, run.promise, run.step.get_action_display(), run.due_at, run.outcome)
        for run in runs
    )
