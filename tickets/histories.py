"""What was known about tickets at a moment, from the event log alone: nothing that was recorded later is part of it.

Columns of tickets are today's; the log knows what they were. An event counts from the later of the moments at which it
happened and was recorded. Training and today's forecasts read the same states.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from core.models import Event
from tickets.events import (
    ASSIGNED,
    FIRST_RESPONSE_BREACHED,
    MESSAGE_MOVED_HERE,
    MESSAGE_RECEIVED,
    NEXT_RESPONSE_BREACHED,
    PRIORITY_CHANGED,
    REPLIED,
    REPLY_UNDONE,
    RESOLUTION_BREACHED,
    ROUTED,
    ROUTING_CORRECTED,
    SLA_APPLIED,
    STATUS_CHANGED,
    TICKET_CREATED,
    UNASSIGNED,
)
from tickets.models import Message, Ticket
from tickets.sla import OVER, PromiseName, StatusChange, Turn, Waiting, whose_turn

BREACHES: Mapping[str, PromiseName] = {
    FIRST_RESPONSE_BREACHED.verb: "first_response",
    NEXT_RESPONSE_BREACHED.verb: "next_response",
    RESOLUTION_BREACHED.verb: "resolution",
}
_COLUMNS = {
    ASSIGNED.verb: (("assignee", "to"),),
    UNASSIGNED.verb: (("assignee", "to"),),
    PRIORITY_CHANGED.verb: (("priority", "to"),),
    SLA_APPLIED.verb: (("sla_policy", "to"),),
    ROUTED.verb: (("category", "category"), ("team", "team")),
    ROUTING_CORRECTED.verb: (("category", "category"), ("team", "team")),
}
_VERBS = {
    *_COLUMNS, *BREACHES, TICKET_CREATED.verb, STATUS_CHANGED.verb, MESSAGE_RECEIVED.verb, REPLIED.verb, REPLY_UNDONE.verb,
    MESSAGE_MOVED_HERE.verb,
}  # fmt: skip
_SAID = frozenset({MESSAGE_RECEIVED.verb, REPLIED.verb})
READ = 500


@dataclass(frozen=True)
class Fact:
    """An event of a ticket: when it happened, and since when it is known."""

    known_at: datetime
    at: datetime
    verb: str
    subject_id: int
    account_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class TicketState:
    """A ticket as it was known at ``at``; ids are None where there was none. ``available_at`` is when the newest fact of it
    was recorded."""

    ticket_id: int
    at: datetime
    opened_at: datetime
    available_at: datetime
    channel: str
    status: str
    status_since: datetime
    priority: str
    category_id: int | None
    team_id: int | None
    assignee_id: int | None
    account_id: int | None
    sla_policy_id: int | None
    sla_off: bool
    assignments: int
    reopens: int
    inbound: int
    outbound: int
    waiting: Waiting
    last_message_at: datetime | None
    changes: Sequence[StatusChange] = ()
    breached: frozenset[PromiseName] = frozenset()

    @property
    def is_over(self) -> bool:
        """Whether it was solved or closed."""
        return self.status in OVER


@dataclass(frozen=True)
class TicketHistory:
    """All facts of one ticket in the order in which they were recorded; ``today`` are columns as they are now."""

    ticket_id: int
    created_at: datetime
    channel: str
    account_id: int | None
    sla_off: bool
    today: Mapping[str, Any]
    facts: Sequence[Fact] = field(default_factory=tuple)

    def at(self, moment: datetime) -> TicketState | None:
        """The state that was known at a moment, None before the ticket was there."""
        if self.created_at > moment:
            return None
        known = [fact for fact in self.facts if fact.known_at <= moment]
        created = [fact for fact in self.facts if fact.verb == TICKET_CREATED.verb]
        if created and created[0].known_at > moment:
            return None
        values = self._columns(known)
        changes = [
            StatusChange(fact.at, fact.data["to_category"], fact.data.get("runs"))
            for fact in known
            if fact.verb == STATUS_CHANGED.verb
        ]
        turns = _turns(known)
        inbound = sum(turn.inbound for turn in turns)
        over = [change.category in OVER for change in changes]
        accounts = (fact.account_id for fact in sorted(known, key=lambda one: one.known_at, reverse=True))
        return TicketState(
            ticket_id=self.ticket_id,
            at=moment,
            opened_at=self.created_at,
            available_at=max((fact.known_at for fact in known), default=self.created_at),
            channel=self.channel,
            status=changes[-1].category if changes else "new",
            status_since=changes[-1].at if changes else self.created_at,
            priority=values["priority"] or "normal",
            category_id=values["category"],
            team_id=values["team"],
            assignee_id=values["assignee"],
            account_id=next(accounts, self.account_id),
            sla_policy_id=values["sla_policy"],
            sla_off=self.sla_off,
            assignments=sum(fact.verb == ASSIGNED.verb for fact in known),
            reopens=sum(was and not now for was, now in pairwise(over)),
            inbound=inbound,
            outbound=len(turns) - inbound,
            waiting=whose_turn(turns, changes),
            last_message_at=max((turn.at for turn in turns), default=None),
            changes=tuple(changes),
            breached=frozenset(BREACHES[fact.verb] for fact in known if fact.verb in BREACHES),
        )

    def states(self, moments: Sequence[datetime]) -> Iterator[TicketState]:
        """The states at ascending moments at which the ticket was there; between two facts they differ in ``at`` alone."""
        times = sorted({fact.known_at for fact in self.facts})
        last: TicketState | None = None
        seen = -1
        for moment in moments:
            place = bisect_right(times, moment)
            if last is None or place != seen:
                last, seen = self.at(moment), place
            if last is not None:
                yield replace(last, at=moment)

    def _columns(self, known: Sequence[Fact]) -> dict[str, Any]:
        """What each column was: what the last known event set, else what the first later one found, else today's."""
        values: dict[str, Any] = {}
        for column, today in self.today.items():
            told = [
                (fact.known_at, fact.data.get(name))
                for fact in known
                for own, name in _COLUMNS.get(fact.verb, ())
                if own == column
            ]
            values[column] = told[-1][1] if told else self._found_later(column, len(known), today)
        return values

    def _found_later(self, column: str, known: int, today: Any) -> Any:
        if known == len(self.facts):
            return today
        for fact in self.facts:
            if any(own == column for own, _name in _COLUMNS.get(fact.verb, ())):
                before = fact.data.get("from")
                # Routing does not tell what was there before; a correction tells it by column.
                return before.get(column) if isinstance(before, Mapping) else before
        return today


def read_histories(ticket_ids: Collection[int]) -> dict[int, TicketHistory]:
    """The histories of tickets that are there: two queries for every 500, one more for imported ones, whose messages have no
    events. What was erased from the log is left out."""
    ids = sorted(set(ticket_ids))
    found: dict[int, TicketHistory] = {}
    for start in range(0, len(ids), READ):
        chunk = ids[start : start + READ]
        facts = _facts(chunk)
        rows = Ticket.objects.filter(pk__in=chunk).values_list(
            "pk", "created_at", "channel", "account_id", "sla_off", "assignee_id", "priority", "sla_policy_id", "category_id",
            "team_id",
        )  # fmt: skip
        for pk, created_at, channel, account_id, sla_off, assignee, priority, policy, category, team in rows:
            found[pk] = TicketHistory(
                ticket_id=pk,
                created_at=created_at,
                channel=channel,
                account_id=account_id,
                sla_off=sla_off,
                today={
                    "assignee": assignee,
                    "priority": priority,
                    "sla_policy": policy,
                    "category": category,
                    "team": team,
                },
                facts=facts[pk],
            )
    return found


def _facts(ticket_ids: Sequence[int]) -> dict[int, list[Fact]]:
    rows = (
        Event.objects.filter(ticket_id__in=ticket_ids, verb__in=_VERBS)
        .order_by("pk")
        .values_list(
            "ticket_id", "occurred_at", "recorded_at", "verb", "subject_id", "account_id", "detail__data"
        )
    )
    found: dict[int, list[Fact]] = defaultdict(list)
    for ticket_id, at, recorded_at, verb, subject_id, account_id, data in rows.iterator(chunk_size=5000):
        if ticket_id is not None and (data is not None or verb not in _COLUMNS | {STATUS_CHANGED.verb: ()}):
            found[ticket_id].append(Fact(max(at, recorded_at), at, verb, subject_id, account_id, data or {}))
    silent = [pk for pk in ticket_ids if not any(fact.verb in _SAID for fact in found[pk])]
    for pk, facts in _imported_messages(silent, found).items():
        found[pk] += facts
    return found


def _imported_messages(
    ticket_ids: Sequence[int], facts: Mapping[int, Sequence[Fact]]
) -> dict[int, list[Fact]]:
    """What was said on tickets without an event of a message; what was moved there later is left out."""
    moved = {
        fact.subject_id for pk in ticket_ids for fact in facts[pk] if fact.verb == MESSAGE_MOVED_HERE.verb
    }
    rows = (
        Message.objects.filter(
            ticket_id__in=ticket_ids,
            is_automatic=False,
            kind__in=[Message.Kind.INBOUND, Message.Kind.OUTBOUND],
        )
        .order_by("created_at", "pk")
        .values_list("pk", "ticket_id", "kind", "created_at", "recorded_at")
        if ticket_ids
        else ()
    )
    found: dict[int, list[Fact]] = defaultdict(list)
    for pk, ticket_id, kind, at, recorded_at in rows:
        if pk not in moved:
            verb = MESSAGE_RECEIVED.verb if kind == Message.Kind.INBOUND else REPLIED.verb
            account = facts[ticket_id][-1].account_id if facts[ticket_id] else None
            found[ticket_id].append(Fact(max(at, recorded_at), at, verb, pk, account, {}))
    return found


def _turns(known: Sequence[Fact]) -> list[Turn]:
    """The messages that no machine wrote and nobody took back."""
    undone = {fact.data.get("message") for fact in known if fact.verb == REPLY_UNDONE.verb}
    turns = [
        Turn(fact.at, fact.verb == MESSAGE_RECEIVED.verb)
        for fact in known
        if fact.verb in (MESSAGE_RECEIVED.verb, REPLIED.verb)
        and not fact.data.get("automatic")
        and fact.subject_id not in undone
    ]
    return sorted(turns, key=lambda turn: turn.at)
