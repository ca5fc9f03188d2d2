"""Count the tickets of every view as they change, so that no page ever counts.

Each ticket remembers how it was counted (``CountedTicket``); counting it again applies the difference to ``ViewCount``, both
under one lock, in one transaction. What a killed worker did not commit is done again; counting twice changes nothing.

Tickets of private teams are counted apart by team and assignee, so that the sum over what a viewer may see is exact. For
conditions that say "me", the difference for the people who could be meant is counted beside what holds for anybody.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, Q
from django.utils import timezone

from core.actors import HISTORY
from core.models import Event, SubscriberPosition
from core.subscription import subscribers
from tickets.condition_fields import ConditionFields
from tickets.conditions import Condition, as_q, clauses, fields_of_me, holds, load_people, turns_after
from tickets.list_views import WORKED_ON, built_in_views, count_key
from tickets.models import CountedTicket, SavedView, Status, Ticket, ViewCount

logger = logging.getLogger(__name__)

BATCH = 500
ADDED_AT_ONCE = 150
GATE = "~"
# How long after a change its event has had time to arrive.
SETTLED = timedelta(seconds=30)
LOOK_BACK = timedelta(minutes=10)
_ACCOUNT_FIELDS = frozenset({"account", "account_tier", "account_band", "csm", "arr"})
# Erasing a contact deletes the notes about it, and who was named in them.
_CONTACT_FIELDS = frozenset({"contact", "mentioned"})

Bucket = tuple[str, int, int, int]


@dataclass(frozen=True)
class _Rule:
    key: str
    condition: Condition
    of_me: frozenset[str]


@dataclass(frozen=True)
class Rules:
    """What is counted: every view as its condition is now. One query."""

    rules: tuple[_Rule, ...]
    asked: frozenset[str]
    fields: ConditionFields = field(default_factory=ConditionFields)

    @classmethod
    def now(cls) -> "Rules":
        """Read the saved views."""
        wanted = [(view.count_key, view.condition) for view in built_in_views()]
        wanted += [(count_key(one), one.condition) for one in SavedView.objects.filter(is_active=True)]
        rules = tuple(_Rule(key, condition, fields_of_me(condition)) for key, condition in wanted)
        asked = frozenset(clause["field"] for rule in rules for clause in clauses(rule.condition))
        return cls(rules, asked)

    def knows(self, key: str) -> bool:
        """Say whether a counter belongs to a view that is counted."""
        return key.startswith("team-") or any(rule.key == key for rule in self.rules)

    def buckets_of(self, ticket: Ticket, now: datetime) -> Counter[Bucket]:
        """Return how much a ticket adds to which counter."""
        team = ticket.team
        private = team is not None and team.is_private
        place = (ticket.team_id or 0, ticket.assignee_id or 0) if private else (0, 0)
        found: Counter[Bucket] = Counter()
        if ticket.team_id is not None and holds(WORKED_ON, ticket, me=None, now=now, fields=self.fields):
            found[(f"team-{ticket.team_id}", *place, 0)] = 1
        for rule in self.rules:
            anybody = holds(rule.condition, ticket, me=None, now=now, fields=self.fields)
            if anybody:
                found[(rule.key, *place, 0)] = 1
            for person in self._whom_me_means(rule, ticket):
                difference = holds(rule.condition, ticket, me=person, now=now, fields=self.fields) - anybody
                if difference:
                    found[(rule.key, *place, person)] = difference
        return found

    def _whom_me_means(self, rule: _Rule, ticket: Ticket) -> set[int]:
        """Everybody for whom the word "me" may turn the answer: who stands where the rule asks for it."""
        asked = (self.fields.get(key) for key in rule.of_me)
        return {person for one in asked if one is not None for person in one.people_of(ticket)}

    def due_at(self, ticket: Ticket, now: datetime) -> datetime | None:
        """Return after which moment time alone changes the answer."""
        moments = [
            moment
            for rule in self.rules
            if (moment := turns_after(rule.condition, ticket, now=now, fields=self.fields)) is not None
        ]
        return min(moments, default=None)


@transaction.atomic
def count_tickets(*, ticket_ids: Collection[int], now: datetime | None = None) -> int:
    """Count these tickets again; returns how many were counted otherwise before."""
    if not ticket_ids:
        return 0
    _lock()
    now = now or timezone.now()
    rules = Rules.now()
    before = CountedTicket.objects.in_bulk(list(ticket_ids))
    written: list[CountedTicket] = []
    emptied: list[int] = []
    change: Counter[Bucket] = Counter()
    different = 0
    for ticket in _loaded(ticket_ids, rules):
        known = before.get(ticket.pk)
        old = _read(known.buckets) if known else Counter()
        new = rules.buckets_of(ticket, now)
        row = CountedTicket(
            ticket_id=ticket.pk,
            buckets=[[*bucket, number] for bucket, number in sorted(new.items())],
            version=ticket.version,
            unread=ticket.unread,
            due_at=rules.due_at(ticket, now),
        )
        if new != old:
            different += 1
            change.update(new)
            change.subtract(old)
        if not new and row.due_at is None:
            emptied += [ticket.pk] if known else []
        elif known is None or _facts(known) != _facts(row):
            written.append(row)
    if written:
        CountedTicket.objects.bulk_create(
            written,
            update_conflicts=True,
            unique_fields=["ticket"],
            update_fields=["buckets", "version", "unread", "due_at"],
        )
    if emptied:
        CountedTicket.objects.filter(pk__in=emptied).delete()
    _add({bucket: number for bucket, number in change.items() if number and rules.knows(bucket[0])})
    return different


def _facts(row: CountedTicket) -> tuple[Any, ...]:
    return row.buckets, row.version, row.unread, row.due_at


def _read(buckets: list[list[Any]]) -> Counter[Bucket]:
    return Counter({(str(one[0]), int(one[1]), int(one[2]), int(one[3])): int(one[4]) for one in buckets})


def _loaded(ticket_ids: Collection[int], rules: Rules) -> list[Ticket]:
    tickets = Ticket.objects.filter(pk__in=ticket_ids).select_related("account", "contact", "team")
    if "tags" in rules.asked:
        tickets = tickets.prefetch_related("ticket_tags__tag")
    if any(name.startswith("field:") for name in rules.asked):
        tickets = tickets.prefetch_related("field_values")
    loaded = list(tickets)
    load_people(loaded, rules.asked)
    return loaded


def _lock() -> None:
    """Let one transaction at a time count: what it reads of tickets afterwards is newer than what any other has counted."""
    gate = ViewCount.objects.select_for_update().filter(view=GATE)
    if gate.first() is None:
        ViewCount.objects.bulk_create([ViewCount(view=GATE)], ignore_conflicts=True)
        gate.first()


def _add(change: dict[Bucket, int]) -> None:
    """Add to the counters, and make those that are missing; in few statements, because everybody else waits."""
    table = ViewCount._meta.db_table
    buckets = sorted(change)
    for start in range(0, len(buckets), ADDED_AT_ONCE):
        rows = [(*bucket, change[bucket]) for bucket in buckets[start : start + ADDED_AT_ONCE]]
        places = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
        with connection.cursor() as cursor:
            # One statement where the ORM needs one for each counter.
            cursor.execute(
                f'INSERT INTO {table} ("view", team, assignee, person, "count") VALUES {places}'  # noqa: S608 - placeholders
                ' ON CONFLICT ("view", team, assignee, person)'
                f' DO UPDATE SET "count" = {table}."count" + excluded."count"',
                [value for row in rows for value in row],
            )


def count_due_tickets(*, now: datetime | None = None) -> int:
    """Count what time has moved, and what was changed without an event that reached us; returns how many tickets differed."""
    now = now or timezone.now()
    different = 0
    for ids in _slices(_stale_ids(now)):
        different += count_tickets(ticket_ids=ids)
    with transaction.atomic():
        _lock()
        ViewCount.objects.filter(view=GATE).update(counted_at=now)
    return different


def _stale_ids(now: datetime) -> list[int]:
    stale = set(CountedTicket.objects.filter(due_at__lt=now).values_list("pk", flat=True))
    changed = dict(
        Ticket.objects.filter(
            updated_at__gte=now - LOOK_BACK - SETTLED, updated_at__lte=now - SETTLED
        ).values_list("pk", "version")
    )
    counted = dict(CountedTicket.objects.filter(pk__in=changed).values_list("pk", "version"))
    stale.update(pk for pk, version in changed.items() if counted.get(pk) != version)
    if "unread" in Rules.now().asked:
        stale.update(
            CountedTicket.objects.exclude(unread=F("ticket__unread")).values_list("pk", flat=True)[:5_000]
        )
    return sorted(stale)


def _slices(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def next_to_check(after: int) -> list[int]:
    """Return the next tickets that a repair looks at, in the order of their ids: all that are not closed or are counted."""
    return _first_after(after, _kept())


def next_of_customers(*, accounts: Collection[int], contacts: Collection[int], after: int) -> list[int]:
    """Return the next tickets to count again after a change of these accounts and contacts, in the order of their ids.

    At most BATCH; none while no view asks about what has changed.
    """
    asked = Rules.now().asked
    theirs = Q(pk__in=[])
    if accounts and asked & _ACCOUNT_FIELDS:
        theirs |= Q(account_id__in=accounts)
    if contacts and asked & _CONTACT_FIELDS:
        theirs |= Q(contact_id__in=contacts)
    return _first_after(after, theirs & _kept()) if theirs != Q(pk__in=[]) else []


def _kept() -> Q:
    counted = Exists(CountedTicket.objects.filter(pk=OuterRef("pk")))
    return ~Q(status_category=Status.Category.CLOSED) | Q(counted)


def _first_after(after: int, wanted: Q) -> list[int]:
    found = Ticket.objects.filter(wanted, pk__gt=after).order_by("pk")
    return list(found.values_list("pk", flat=True)[:BATCH])


def next_of_view(view: SavedView, after: int) -> list[int]:
    """Return the next tickets that a new condition may hold for, in the order of their ids."""
    wanted = as_q(view.condition, me=None, now=timezone.now())
    # "me" can make the condition hold only for who stands where it is asked for
    known = ConditionFields()
    for key in sorted(fields_of_me(view.condition)):
        field = known.get(key)
        if field is not None:
            wanted |= field.has_people()
    return _first_after(after, wanted)


@transaction.atomic
def settle_counts() -> int:
    """Make every counter the sum of what its tickets say and drop those of views that are gone; returns how many differed."""
    _lock()
    rules = Rules.now()
    sums: Counter[Bucket] = Counter()
    for buckets in CountedTicket.objects.values_list("buckets", flat=True).iterator():
        sums.update({bucket: number for bucket, number in _read(buckets).items() if rules.knows(bucket[0])})
    different = 0
    for row in ViewCount.objects.exclude(view=GATE):
        wanted = sums.pop((row.view, row.team, row.assignee, row.person), 0)
        if not rules.knows(row.view) or (wanted == 0 and row.count == 0):
            row.delete()
        elif wanted != row.count:
            different += 1
            ViewCount.objects.filter(pk=row.pk).update(count=wanted)
    missing = {bucket: number for bucket, number in sums.items() if number}
    _add(missing)
    return different + len(missing)


def recount_everything() -> tuple[int, int]:
    """Count every ticket again and settle the counters; returns how many tickets and how many counters differed."""
    tickets, after = 0, 0
    while ids := next_to_check(after):
        tickets += count_tickets(ticket_ids=ids)
        after = ids[-1]
    for view in SavedView.objects.filter(is_active=True).exclude(counted_revision=F("revision")):
        after = 0
        while ids := next_of_view(view, after):
            tickets += count_tickets(ticket_ids=ids)
            after = ids[-1]
        SavedView.objects.filter(pk=view.pk, revision=view.revision).update(counted_revision=view.revision)
    return tickets, settle_counts()


def counters_are_behind() -> bool:
    """Say whether changes of tickets wait to be counted. Two queries."""
    reached = SubscriberPosition.objects.filter(subscriber="tickets.view_counts").aggregate(at=Min("seq"))[
        "at"
    ]
    verbs = subscribers.get("tickets.view_counts").verbs
    waiting = Event.objects.filter(Q(position__seq__gt=reached or 0) | Q(position__seq=None), verb__in=verbs)
    return waiting.exclude(source=HISTORY).exists()
