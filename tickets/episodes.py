"""How a ticket's history falls into episodes: a pure function over its status changes, messages and broken promises.

An episode goes from the opening, or a reopening, to the solution. Answers that were taken back or have not left are no
messages, and a solution that was taken back with its answer is none; nor is one that the same person takes back at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core.calendars import OpeningHours

OVER = frozenset({"resolved", "closed"})
# Reasons of status changes that take back what seemed to be a solution: an answer undone, a merge undone.
TAKEN_BACK = frozenset({"undo", "unmerged"})
# Within it the same person's way back is a slip of the hand.
AT_ONCE = timedelta(minutes=2)
_UNKNOWN = object()


@dataclass(frozen=True)
class Happened:
    """An event of the ticket: ``kind`` is "status", "first_breach", "next_breach", "resolution_breach" or "values".

    ``data`` is the event's detail for "status"; for "values" ``{column: (before, after)}``.
    """

    at: datetime
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    staff_id: int | None = None


@dataclass(frozen=True)
class Said:
    """A message that no machine wrote, and by which channel it came or left."""

    at: datetime
    inbound: bool
    channel: str = ""


@dataclass(frozen=True)
class History:
    """What is known about one ticket. ``values`` are its columns today; events and messages ascend in time.

    ``promised`` holds those of "first", "next", "resolution" that its policy promises.
    """

    opened_at: datetime
    values: Mapping[str, Any]
    events: Sequence[Happened]
    messages: Sequence[Said]
    hours: OpeningHours
    promised: frozenset[str] = frozenset()
    first_due_at: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a promise was kept, and since when that is known; both None while it is undecided or was never made."""

    met: bool | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Stretch:
    """One episode, by the names of ``tickets.models.Episode``."""

    number: int
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: int | None
    values: Mapping[str, Any]
    first_inbound_at: datetime | None
    first_response_at: datetime | None
    replies: int
    replies_by_channel: Mapping[str, int]
    inbound_count: int
    reopened: bool
    first_response: Verdict
    next_response: Verdict
    resolution: Verdict
    first_response_seconds: tuple[int, int] | None
    resolution_seconds: tuple[int, int] | None

    @property
    def one_touch(self) -> bool:
        """Whether one answer was enough."""
        return self.resolved_at is not None and self.replies == 1 and not self.reopened


@dataclass(frozen=True)
class _Span:
    opened_at: datetime
    resolved_at: datetime | None = None
    resolved_by: int | None = None
    # The place of the solution among the events: acts of one moment are told apart by the order they were recorded in.
    place: int | None = None


def split_into_episodes(history: History) -> list[Stretch]:
    """Return the episodes of a ticket, oldest first; at least one. Pairs of seconds are (calendar, business)."""
    spans = _spans(history)
    ends = [span.opened_at for span in spans[1:]]
    return [
        _stretch(history, number, span, ends[number - 1] if number <= len(ends) else None)
        for number, span in enumerate(spans, start=1)
    ]


def _spans(history: History) -> list[_Span]:
    spans = [_Span(history.opened_at)]
    for place, event in enumerate(history.events):
        if event.kind != "status":
            continue
        last = spans[-1]
        is_over = event.data.get("to_category") in OVER
        if is_over and last.resolved_at is None:
            spans[-1] = replace(
                last,
                resolved_at=max(event.at, last.opened_at),
                resolved_by=event.staff_id,
                place=place,
            )
        elif not is_over and last.resolved_at is not None:
            if _is_taken_back(event, last):
                spans[-1] = _Span(last.opened_at)
            else:
                spans.append(_Span(max(event.at, last.resolved_at)))
    return spans


def _is_taken_back(event: Happened, last: _Span) -> bool:
    if event.data.get("reason") in TAKEN_BACK:
        return True
    same = event.staff_id is not None and event.staff_id == last.resolved_by
    return same and last.resolved_at is not None and event.at - last.resolved_at <= AT_ONCE


def _stretch(history: History, number: int, span: _Span, until: datetime | None) -> Stretch:
    """``until`` is the opening of the next episode."""
    said = [one for one in history.messages if _within(one.at, span.opened_at, until, first=number == 1)]
    inbound = [one.at for one in said if one.inbound]
    # What we write after the solution does not make it come sooner.
    written = [
        one for one in said if not one.inbound and (span.resolved_at is None or one.at <= span.resolved_at)
    ]
    answers = [one.at for one in written]
    first_inbound = min(inbound, default=None)
    first_response = min((at for at in answers if first_inbound is None or at >= first_inbound), default=None)
    return Stretch(
        number=number,
        opened_at=span.opened_at,
        resolved_at=span.resolved_at,
        resolved_by=span.resolved_by,
        values=_values_at(history, span.place),
        first_inbound_at=first_inbound,
        first_response_at=first_response,
        replies=len(answers),
        replies_by_channel=dict(Counter(one.channel for one in written)),
        inbound_count=len(inbound),
        reopened=until is not None,
        first_response=_first_response(history, first_response) if number == 1 else Verdict(),
        next_response=_next_response(history, span, until, answers),
        resolution=_resolution(history, span, until),
        first_response_seconds=_seconds(history.hours, first_inbound, first_response),
        resolution_seconds=_seconds(history.hours, span.opened_at, span.resolved_at),
    )


def _within(at: datetime, start: datetime, until: datetime | None, *, first: bool) -> bool:
    return (first or at >= start) and (until is None or at < until)


def _seconds(hours: OpeningHours, start: datetime | None, end: datetime | None) -> tuple[int, int] | None:
    if start is None or end is None or end < start:
        return None
    return int((end - start).total_seconds()), int(hours.seconds_between(start, end))


def _values_at(history: History, end: int | None) -> dict[str, Any]:
    """The columns as they were at the end of an episode; today's where nothing has changed them since."""
    values = dict(history.values)
    if end is None:
        return values
    for column in values:
        told = [
            (place, *event.data[column])
            for place, event in enumerate(history.events)
            if event.kind == "values" and column in event.data
        ]
        after_end = [before for place, before, _after in told if place > end]
        if after_end:
            until_end = [after for place, _before, after in told if place < end]
            before = after_end[0]
            values[column] = until_end[-1] if until_end else (None if before is _UNKNOWN else before)
    return values


def unknown_before(after: Any) -> tuple[Any, Any]:
    """Return the pair for "values" of an event that does not tell what was there before."""
    return _UNKNOWN, after


def _breach(history: History, kind: str, start: datetime, until: datetime | None) -> datetime | None:
    times = (event.at for event in history.events if event.kind == kind)
    return min((at for at in times if at >= start and (until is None or at < until)), default=None)


def _first_response(history: History, answered_at: datetime | None) -> Verdict:
    broken = _breach(history, "first_breach", history.opened_at, None)
    if broken is not None:
        return Verdict(False, broken)
    if "first" not in history.promised or answered_at is None:
        return Verdict()
    in_time = history.first_due_at is None or answered_at <= history.first_due_at
    return Verdict(in_time, answered_at)


def _next_response(
    history: History, span: _Span, until: datetime | None, answers: Sequence[datetime]
) -> Verdict:
    """Of all further answers of an episode together: broken when one came too late."""
    broken = _breach(history, "next_breach", span.opened_at, until)
    if broken is not None:
        return Verdict(False, broken)
    first = 1 if span.opened_at == history.opened_at else 0
    if "next" not in history.promised or len(answers) <= first or span.resolved_at is None:
        return Verdict()
    return Verdict(True, span.resolved_at)


def _resolution(history: History, span: _Span, until: datetime | None) -> Verdict:
    broken = _breach(history, "resolution_breach", span.opened_at, until)
    if broken is not None:
        return Verdict(False, broken)
    before = _breach(history, "resolution_breach", history.opened_at, span.opened_at)
    # What was broken in a former episode cannot be kept in this one.
    if before is not None or "resolution" not in history.promised or span.resolved_at is None:
        return Verdict()
    return Verdict(True, span.resolved_at)
