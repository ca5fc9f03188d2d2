"""Values that are overwritten, as they were: tier, seats, CSM, renewal date, roles, who left, priority and state of tickets.

The rows hold today's values; events hold each change with its moment. The value at t is what the first change that became known
after t replaced, or today's value when nothing changed since. So a change after t moves nothing that is computed for t.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from core.models import Event
from customers.events import ACCOUNT_CHANGED, CONTACT_CHANGED, SUBSCRIPTION_SAVED
from customers.models import Account, Contact, Subscription
from health.facts import NEVER, Facts, Floats, Ints
from tickets.events import PRIORITY_CHANGED, STATUS_CHANGED
from tickets.models import Status, Ticket

Key = tuple[str, int, str]
ACTIVE = frozenset(str(category) for category in Status.ACTIVE)
RANKS = {name: rank for rank, name in enumerate(("low", "normal", "high", "urgent"))}
_VERBS = (ACCOUNT_CHANGED.verb, CONTACT_CHANGED.verb, SUBSCRIPTION_SAVED.verb, PRIORITY_CHANGED.verb)


@dataclass(frozen=True)
class TicketHistory:
    """Tickets as columns, and the moves of their states in the order in which they were known."""

    ids: Ints
    row: Ints
    created: Floats
    ended: Floats
    rank: Ints
    breached: Floats
    moved_ticket: Ints
    moved_at: Floats
    was_active: np.ndarray[Any, np.dtype[np.bool_]]
    is_active: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Someone:
    """A contact with the values of today."""

    id: int
    row: int
    role: str
    left: float
    created: float


class History:
    """What changed on the accounts of ``facts``, and their tickets and people; a fixed number of queries."""

    def __init__(self, facts: Facts) -> None:
        self._facts_rows = dict(facts.rows)
        self._ids = list(facts.account_ids)
        self._changes: dict[Key, list[tuple[float, Any]]] = defaultdict(list)
        for known, kind, pk, name, old in self._read():
            self._changes[kind, pk, name].append((known, old))
        for found in self._changes.values():
            found.sort(key=lambda change: change[0])
        self._changed: dict[tuple[str, str], list[int]] = defaultdict(list)
        for kind, pk, name in self._changes:
            self._changed[kind, name].append(pk)
        self.people = self._load_people()
        self.tickets = self._load_tickets(facts)

    def value(self, kind: str, pk: int, name: str, now: float, today: Any) -> Any:
        """The value of a field at a moment (POSIX seconds)."""
        for known, old in self._changes.get((kind, pk, name), ()):
            if known > now:
                return old
        return today

    def changed(self, kind: str, name: str) -> Sequence[int]:
        """Whose field changed at all."""
        return self._changed.get((kind, name), ())

    def of_accounts(self, accounts: Sequence[Account], name: str, now: float) -> list[Any]:
        """A field of every account at a moment, in order."""
        values = [getattr(account, name) for account in accounts]
        for pk in self.changed("account", name):
            place = self._facts_rows.get(pk)
            if place is not None:
                values[place] = self.value("account", pk, name, now, values[place])
        return values

    def count(self, kind: str, name: str, since: float, now: float, size: int) -> Floats:
        """How often a field of each account changed in a span of time, as far as it was known."""
        counts = np.zeros(size)
        for pk in self.changed(kind, name):
            if pk in self._facts_rows:
                changes = self._changes[kind, pk, name]
                counts[self._facts_rows[pk]] = sum(since < known <= now for known, _old in changes)
        return counts

    def _read(self) -> Iterator[tuple[float, str, int, str, Any]]:
        rows = (
            Event.objects.filter(verb__in=_VERBS, account_id__in=self._ids)
            .order_by("pk")
            .values_list("verb", "subject_id", "occurred_at", "recorded_at", "detail__data")
        )
        for verb, pk, occurred, recorded, data in rows.iterator(chunk_size=5000):
            known = max(occurred.timestamp(), recorded.timestamp())
            if not data:
                continue
            if verb == PRIORITY_CHANGED.verb:
                yield known, "ticket", pk, "priority", data.get("from")
                continue
            kind = {ACCOUNT_CHANGED.verb: "account", CONTACT_CHANGED.verb: "contact"}.get(
                verb, "subscription"
            )
            pk = data.get("subscription", pk) if kind == "subscription" else pk
            for name, pair in (data.get("changed") or {}).items():
                yield known, kind, pk, name, _typed(name, pair[0])

    def _load_people(self) -> list[Someone]:
        rows = Contact.objects.filter(account_id__in=self._ids, merged_into=None).order_by("pk")
        found = rows.values_list("pk", "account_id", "role", "left_at", "created_at")
        return [
            Someone(pk, self._facts_rows[account_id or 0], role, _stamp(left), _stamp(created))
            for pk, account_id, role, left, created in found
        ]

    def _load_tickets(self, facts: Facts) -> TicketHistory:
        rows = (
            Ticket.objects.filter(account_id__in=self._ids, created_at__lte=facts.last)
            .order_by("pk")
            .values_list(
                "pk", "account_id", "created_at", "resolved_at", "closed_at", "priority_rank",
                "first_response_breached_at", "resolution_breached_at",
            )
        )  # fmt: skip
        table = [
            (pk, self._facts_rows[account_id or 0], _stamp(created), min(_stamp(resolved), _stamp(closed)), rank,
             min(_stamp(response), _stamp(resolution)))
            for pk, account_id, created, resolved, closed, rank, response, resolution in rows
        ]  # fmt: skip
        columns = np.array(table, dtype=float).reshape(-1, 6)
        places = {int(pk): place for place, pk in enumerate(columns[:, 0])}
        moves = np.array(sorted(self._moves(places)), dtype=float).reshape(-1, 4)
        return TicketHistory(
            columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64), columns[:, 2], columns[:, 3],
            columns[:, 4].astype(np.int64), columns[:, 5],
            moves[:, 1].astype(np.int64), moves[:, 0], moves[:, 2] > 0, moves[:, 3] > 0,
        )  # fmt: skip

    def _moves(self, places: Mapping[int, int]) -> Iterable[tuple[float, int, bool, bool]]:
        if not places:
            return
        rows = Event.objects.filter(verb=STATUS_CHANGED.verb, account_id__in=self._ids).values_list(
            "subject_id", "occurred_at", "recorded_at", "detail__data"
        )
        for pk, occurred, recorded, data in rows.iterator(chunk_size=5000):
            if data and pk in places:
                known = max(occurred.timestamp(), recorded.timestamp())
                yield known, places[pk], data["from_category"] in ACTIVE, data["to_category"] in ACTIVE

    # --- as they were -------------------------------------------------------------------------------------------------

    def priority_ranks(self, now: float) -> Ints:
        """The rank of each ticket's priority at a moment."""
        ranks = self.tickets.rank.copy()
        changed = self.changed("ticket", "priority")
        if changed:
            places = {int(pk): place for place, pk in enumerate(self.tickets.ids)}
            for pk in changed:
                if pk in places:
                    word = self.value("ticket", pk, "priority", now, "")
                    ranks[places[pk]] = RANKS.get(word, ranks[places[pk]])
        return ranks

    def open_tickets(self, now: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which tickets were open at a moment: by the last move known, else by what the first later one left."""
        rows = self.tickets
        is_open = (rows.created <= now) & (rows.ended > now)
        known = rows.moved_at <= now
        later, earlier = np.flatnonzero(~known), np.flatnonzero(known)
        # Of the later moves the first of a ticket is written last.
        is_open[rows.moved_ticket[later[::-1]]] = rows.was_active[later[::-1]]
        is_open[rows.moved_ticket[earlier]] = rows.is_active[earlier]
        result: np.ndarray[Any, np.dtype[np.bool_]] = is_open & (rows.created <= now)
        return result

    def reopened(self, since: float, now: float, size: int) -> Floats:
        """How many tickets of each account came back after they were over."""
        rows = self.tickets
        chosen = (rows.moved_at > since) & (rows.moved_at <= now) & ~rows.was_active & rows.is_active
        return np.bincount(rows.row[rows.moved_ticket[chosen]], minlength=size).astype(float)

    def seats(self, facts: Facts, as_of: datetime) -> Floats:
        """Seats bought at a moment: those of the running subscriptions, else the account's own number; 0 when unknown."""
        now, seats = as_of.timestamp(), facts.seats(as_of)
        own, held = self.changed("account", "seats"), self.changed("subscription", "seats")
        touched = {pk for pk in own if pk in self._facts_rows}
        subscriptions = list(Subscription.objects.filter(account_id__in=self._ids)) if held or touched else []
        touched |= {one.account_id for one in subscriptions if one.pk in set(held)}
        for pk in touched:
            place, day = self._facts_rows[pk], as_of.date()
            bought = sum(
                int(self.value("subscription", one.pk, "seats", now, one.seats) or 0)
                for one in subscriptions
                if one.account_id == pk
                and one.starts_on <= day
                and (one.ended_on is None or one.ended_on > day)
            )
            today = facts.accounts[place].seats
            seats[place] = bought or float(self.value("account", pk, "seats", now, today) or 0)
        return seats


_loaded: WeakKeyDictionary[Facts, History] = WeakKeyDictionary()


def history_of(facts: Facts) -> History:
    """The history of the accounts of ``facts``, read once."""
    found = _loaded.get(facts)
    if found is None:
        found = _loaded[facts] = History(facts)
    return found


def _stamp(moment: datetime | None) -> float:
    return NEVER if moment is None else moment.timestamp()


def _typed(name: str, value: Any) -> Any:
    """A value of an event's JSON as the field holds it."""
    if isinstance(value, str) and name.endswith(("_on", "_since")):
        return date.fromisoformat(value[:10])
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value)
    return value
