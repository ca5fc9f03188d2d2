"""What forecasts learn from: tickets at moments of their past, and what came of them.

Moments lie at fixed ages, so that what happens later adds none. Only moments count whose outcome must be known by now: the
newest ones would otherwise hold what ended soon alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from ml.features.join import Ask, features_as_of
from ml.registry import Example
from tickets.events import REPLIED, STATUS_CHANGED
from tickets.histories import BREACHES, TicketHistory, TicketState, read_histories
from tickets.models import Episode, Ticket
from tickets.open_promise import PromiseTerms, next_promise
from tickets.sla import OVER, PromiseName

TICKET = (
    "ticket.status", "ticket.age_hours", "ticket.status_hours", "ticket.priority", "ticket.category", "ticket.team",
    "ticket.channel", "ticket.inbound", "ticket.outbound", "ticket.assignments", "ticket.reopens", "ticket.assigned",
    "ticket.waiting_hours", "ticket.quiet_hours", "ticket.hour", "ticket.weekday", "ticket.promise",
    "ticket.promise_hours_left", "ticket.promise_used",
)  # fmt: skip
USED = (*TICKET, "account.tier", "agent.open_tickets", "team.open_tickets", "team.our_turn")

AGES = tuple(timedelta(hours=hours) for hours in (0, 0.25, 1, 4, 12, 24, 48, 96, 192, 384))
# Durations are counted up to the smallest of these that holds 90 % of the solutions; what takes longer takes "longer".
HORIZONS = tuple(timedelta(days=days) for days in (2, 7, 14, 30))
HORIZON_SHARE = 0.9
MOST_TICKETS = 2_000
CHUNK = 200
SETTLED = timedelta(seconds=30)


@dataclass(frozen=True)
class Observation:
    """A ticket at a moment; ``label`` are hours or 1 for a missed promise; the outcome is known at ``known_at``."""

    ask: Ask
    state: TicketState
    label: float
    known_at: datetime
    used_share: float | None = None
    slices: Mapping[str, str] = field(default_factory=dict)


def ask_of(state: TicketState) -> Ask:
    """Whom features are asked about: the ticket, and customer, team and agent as they were."""
    return Ask(
        state.at,
        {
            "ticket": state.ticket_id,
            "account": state.account_id,
            "team": state.team_id,
            "agent": state.assignee_id,
        },
    )


def examples(observed: Iterable[Observation]) -> Iterator[Example]:
    """Training rows of observations, the features of a few hundred tickets joined at a time."""
    batch: list[Observation] = []
    for one in observed:
        batch.append(one)
        if len(batch) >= CHUNK * 4:
            yield from _joined(batch)
            batch = []
    yield from _joined(batch)


def _joined(batch: Sequence[Observation]) -> Iterator[Example]:
    rows = features_as_of(USED, [one.ask for one in batch])
    for one, row in zip(batch, rows, strict=True):
        yield Example(
            subject_id=one.state.ticket_id,
            label=one.label,
            at=one.state.at,
            features=row.values,
            group=f"ticket:{one.state.ticket_id}",
            slices={"channel": one.state.channel, **one.slices},
            label_source="outcome",
            known_at=one.known_at,
            features_at=row.available_at,
        )


def horizon_of(now: datetime) -> timedelta:
    """Up to where durations are counted, by the newest solutions."""
    seconds = list(
        Episode.objects.filter(is_counted=True, resolved_at__lte=now, resolution_seconds__isnull=False)
        .order_by("-resolved_at")
        .values_list("resolution_seconds", flat=True)[:MOST_TICKETS]
    )
    if not seconds:
        return HORIZONS[-1]
    most = float(np.quantile(np.array(seconds, dtype=float), HORIZON_SHARE))
    return next((one for one in HORIZONS if one.total_seconds() >= most), HORIZONS[-1])


def remaining_times(now: datetime) -> Iterator[Observation]:
    """Hours until the solution, by the calendar, at most the horizon; of the newest tickets, reopened ones once a way."""
    horizon = horizon_of(now)
    latest = now - horizon
    episodes = list(
        Episode.objects.filter(is_counted=True, opened_at__lte=latest)
        .order_by("-opened_at", "-pk")
        .values_list("ticket_id", "opened_at", "resolved_at")[:MOST_TICKETS]
    )
    for start in range(0, len(episodes), CHUNK):
        chunk = episodes[start : start + CHUNK]
        histories = read_histories({ticket_id for ticket_id, _opened, _resolved in chunk})
        for ticket_id, opened_at, resolved_at in chunk:
            end = min(resolved_at or now, now)
            for state in _states(
                histories.get(ticket_id), opened_at, min(end, latest + timedelta(microseconds=1))
            ):
                hours = min(end - state.at, horizon).total_seconds() / 3600
                yield Observation(ask_of(state), state, round(hours, 4), state.at + horizon)


def promise_outcomes(now: datetime) -> Iterator[Observation]:
    """Whether the promise that came due next was missed; only where it was due by now and has been decided."""
    terms = PromiseTerms()
    tickets = list(
        Ticket.objects.filter(sla_off=False, sla_policy__isnull=False, merged_into=None, created_at__lte=now)
        .order_by("-created_at", "-pk")
        .values_list("pk", flat=True)[:MOST_TICKETS]
    )
    for start in range(0, len(tickets), CHUNK):
        for history in read_histories(tickets[start : start + CHUNK]).values():
            for state in _states(history, history.created_at, now):
                promise = next_promise(state, terms)
                if promise is None or promise.due_at > now:
                    continue
                missed, decided_at = outcome_of(history, promise.about, state.at)
                if missed is not None and decided_at is not None:
                    yield Observation(
                        ask_of(state),
                        state,
                        int(missed),
                        max(decided_at, promise.due_at),
                        promise.used_share,
                        {"promise": promise.about},
                    )


def outcome_of(
    history: TicketHistory, about: PromiseName, since: datetime
) -> tuple[bool | None, datetime | None]:
    """Whether a promise that was open at a moment was missed, and when that was clear; (None, None) while it is not."""
    ends = [
        fact.at
        for fact in history.facts
        if fact.at > since
        and (
            (fact.verb == STATUS_CHANGED.verb and fact.data.get("to_category") in OVER)
            or (about != "resolution" and fact.verb == REPLIED.verb and not fact.data.get("automatic"))
        )
    ]
    end = min(ends, default=None)
    broken = [
        fact.at
        for fact in history.facts
        if BREACHES.get(fact.verb) == about and fact.at >= since and (end is None or fact.at <= end)
    ]
    if broken:
        return True, min(broken)
    return (None, None) if end is None else (False, end)


def _states(history: TicketHistory | None, start: datetime, end: datetime) -> Iterator[TicketState]:
    """The states at the ages that lie before the end, while the ticket was not over."""
    if history is None:
        return
    for age in AGES:
        # A little later: what was recorded with the opening is known.
        moment = start + age + SETTLED
        if moment >= end:
            return
        state = history.at(moment)
        if state is not None and not state.is_over:
            yield state
