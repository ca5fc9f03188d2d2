"""Derive the episodes of tickets from their events and messages, and write them. Repeating it changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import models, transaction

from core.calendars import CalendarError, OpeningHours
from core.models import Event
from tickets.episodes import Happened, History, Said, Stretch, split_into_episodes, unknown_before
from tickets.events import (
    ASSIGNED,
    FIRST_RESPONSE_BREACHED,
    NEXT_RESPONSE_BREACHED,
    PRIORITY_CHANGED,
    RESOLUTION_BREACHED,
    ROUTED,
    ROUTING_CORRECTED,
    STATUS_CHANGED,
    TYPE_CHANGED,
    UNASSIGNED,
)
from tickets.models import Episode, Message, SLAPolicy, Ticket, TimeEntry
from tickets.models.episode import SLOT_SECONDS

BATCH = 500
_BREACHES = {
    FIRST_RESPONSE_BREACHED.verb: "first_breach",
    NEXT_RESPONSE_BREACHED.verb: "next_breach",
    RESOLUTION_BREACHED.verb: "resolution_breach",
}
_ONE_COLUMN = {
    ASSIGNED.verb: "assignee",
    UNASSIGNED.verb: "assignee",
    PRIORITY_CHANGED.verb: "priority",
    TYPE_CHANGED.verb: "type",
}
_VERBS = {STATUS_CHANGED.verb, ROUTED.verb, ROUTING_CORRECTED.verb, *_BREACHES, *_ONE_COLUMN}
_REFERENCES = ("assignee", "team", "category", "type")
_KEPT = {"id", "ticket", "number"}
_COLUMNS = [one.name for one in Episode._meta.concrete_fields if one.name not in _KEPT]


@transaction.atomic
def build_episodes(*, ticket_ids: Collection[int]) -> int:
    """Write the episodes of these tickets (at most a few hundred) as their history says now; returns how many there are."""
    # Whoever builds the same tickets at the same moment waits here and then reads the newer history.
    list(
        Episode.objects.select_for_update().filter(ticket_id__in=ticket_ids).order_by("pk").values_list("pk")
    )
    tickets = list(Ticket.objects.filter(pk__in=ticket_ids).order_by("pk"))
    events, messages, policies = _events(ticket_ids), _messages(ticket_ids), _policies(tickets)
    logged = _logged(ticket_ids)
    rows: list[Episode] = []
    for ticket in tickets:
        history = _history(ticket, events[ticket.pk], messages[ticket.pk], policies)
        own = [_row(ticket, stretch) for stretch in split_into_episodes(history)]
        _add_minutes(own, logged[ticket.pk])
        rows += own
    _drop_dangling(rows, tickets)
    Episode.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["ticket", "number"],
        update_fields=_COLUMNS,
        batch_size=BATCH,
    )
    _forget_former(rows, ticket_ids)
    return len(rows)


def rebuild_all_episodes(*, after: int = 0, limit: int = BATCH) -> int | None:
    """Build the episodes of the next ``limit`` tickets by id; returns the last id, None when there is none left."""
    ids = list(Ticket.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:limit])
    if not ids:
        return None
    build_episodes(ticket_ids=ids)
    return ids[-1]


def _events(ticket_ids: Collection[int]) -> dict[int, list[Happened]]:
    """What happened to each ticket, in the order it was recorded; what was erased is left out."""
    rows = (
        Event.objects.filter(ticket_id__in=ticket_ids, verb__in=_VERBS)
        .order_by("ticket_id", "pk")
        .values_list("ticket_id", "verb", "occurred_at", "actor_kind", "actor_id", "detail__data")
    )
    found: dict[int, list[Happened]] = defaultdict(list)
    for ticket_id, verb, at, actor_kind, actor_id, data in rows:
        if ticket_id is None:
            continue
        if verb in _BREACHES:
            found[ticket_id].append(Happened(at, _BREACHES[verb]))
        elif data is not None and verb == STATUS_CHANGED.verb:
            staff_id = actor_id if actor_kind == "staff" else None
            found[ticket_id].append(Happened(at, "status", data, staff_id))
        elif data is not None:
            found[ticket_id].append(Happened(at, "values", _values(verb, data)))
    return found


def _values(verb: str, data: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    if verb in _ONE_COLUMN:
        return {_ONE_COLUMN[verb]: (data.get("from"), data.get("to"))}
    before = data.get("from") if verb == ROUTING_CORRECTED.verb else None
    return {
        column: (before.get(column), data.get(column)) if before else unknown_before(data.get(column))
        for column in ("category", "team")
    }


def _messages(ticket_ids: Collection[int]) -> dict[int, list[Said]]:
    rows = (
        Message.objects.filter(
            ticket_id__in=ticket_ids,
            is_automatic=False,
            kind__in=[Message.Kind.INBOUND, Message.Kind.OUTBOUND],
        )
        .order_by()
        .values_list("ticket_id", "kind", "created_at", "channel")
    )
    found: dict[int, list[Said]] = defaultdict(list)
    for ticket_id, kind, at, channel in rows:
        found[ticket_id].append(Said(at, kind == Message.Kind.INBOUND, channel))
    return found


def _logged(ticket_ids: Collection[int]) -> dict[int, list[tuple[datetime, int]]]:
    """When people logged how many minutes on each ticket."""
    entries = TimeEntry.objects.filter(ticket_id__in=ticket_ids).order_by()
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for ticket_id, at, minutes in entries.values_list("ticket_id", "created_at", "minutes"):
        found[ticket_id].append((at, minutes))
    return found


def _add_minutes(rows: Sequence[Episode], logged: Iterable[tuple[datetime, int]]) -> None:
    """Give each entry to the last episode that had begun when it was logged."""
    for at, minutes in logged:
        begun = [row for row in rows if row.opened_at <= at]
        if rows:
            (begun or rows[:1])[-1].worked_minutes += minutes


def _policies(tickets: Iterable[Ticket]) -> dict[int, tuple[OpeningHours, dict[str, frozenset[str]]]]:
    """By policy: its hours, and what it promises by priority."""
    wanted = {ticket.sla_policy_id for ticket in tickets if ticket.sla_policy_id is not None}
    found = {}
    for policy in (
        SLAPolicy.objects.filter(pk__in=wanted).select_related("calendar").prefetch_related("targets")
    ):
        try:
            hours = OpeningHours.always() if policy.calendar is None else policy.calendar.hours()
        except CalendarError:
            hours = OpeningHours.always()
        promised = {
            target.priority: frozenset(
                name
                for name, seconds in (
                    ("first", target.first_response_seconds),
                    ("next", target.next_response_seconds),
                    ("resolution", target.resolution_seconds),
                )
                if seconds is not None
            )
            for target in policy.targets.all()
        }
        found[policy.pk] = hours, promised
    return found


def _history(
    ticket: Ticket,
    events: Sequence[Happened],
    messages: Sequence[Said],
    policies: dict[int, tuple[OpeningHours, dict[str, frozenset[str]]]],
) -> History:
    hours, promised = policies.get(ticket.sla_policy_id or 0, (OpeningHours.always(), {}))
    return History(
        opened_at=ticket.created_at,
        values={
            "assignee": ticket.assignee_id,
            "team": ticket.team_id,
            "category": ticket.category_id,
            "type": ticket.type_id,
            "priority": ticket.priority,
        },
        events=events,
        messages=messages,
        hours=hours,
        promised=promised.get(ticket.priority, frozenset()),
        first_due_at=ticket.first_response_due_at,
    )


def _row(ticket: Ticket, stretch: Stretch) -> Episode:
    values = stretch.values
    first, whole = stretch.first_response_seconds, stretch.resolution_seconds
    return Episode(
        ticket=ticket,
        number=stretch.number,
        opened_at=stretch.opened_at,
        opened_slot=_slot(stretch.opened_at),
        first_inbound_at=stretch.first_inbound_at,
        first_response_at=stretch.first_response_at,
        resolved_at=stretch.resolved_at,
        resolved_slot=None if stretch.resolved_at is None else _slot(stretch.resolved_at),
        resolved_by_id=stretch.resolved_by,
        account_id=ticket.account_id,
        assignee_id=values["assignee"],
        team_id=values["team"],
        category_id=values["category"],
        type_id=values["type"],
        channel=ticket.channel,
        priority=values["priority"] or ticket.priority,
        replies=stretch.replies,
        replies_by_channel=stretch.replies_by_channel,
        inbound_count=stretch.inbound_count,
        reopened=stretch.reopened,
        one_touch=stretch.one_touch,
        is_counted=ticket.merged_into_id is None,
        first_response_seconds=first and first[0],
        first_response_business_seconds=first and first[1],
        resolution_seconds=whole and whole[0],
        resolution_business_seconds=whole and whole[1],
        first_response_met=stretch.first_response.met,
        first_response_decided_at=stretch.first_response.at,
        next_response_met=stretch.next_response.met,
        next_response_decided_at=stretch.next_response.at,
        resolution_met=stretch.resolution.met,
        resolution_decided_at=stretch.resolution.at,
    )


def _slot(moment: datetime) -> int:
    return int(moment.timestamp()) // SLOT_SECONDS


def _drop_dangling(rows: Sequence[Episode], tickets: Iterable[Ticket]) -> None:
    """Empty what refers to a team, person or category that the history names and that is gone by now."""
    for column in _REFERENCES:
        name = f"{column}_id"
        today = {getattr(ticket, name) for ticket in tickets} | {None}
        former = {getattr(row, name) for row in rows} - today
        if not former:
            continue
        field = Episode._meta.get_field(column)
        model: type[models.Model] = field.related_model  # type: ignore[assignment]
        known = set(model._default_manager.filter(pk__in=former).values_list("pk", flat=True))
        for row in rows:
            if getattr(row, name) in former - known:
                setattr(row, name, None)


def _forget_former(rows: Sequence[Episode], ticket_ids: Collection[int]) -> None:
    """Delete episodes that the history does not have any more, unless somebody was asked about them."""
    numbers: dict[int, int] = defaultdict(int)
    for row in rows:
        numbers[row.ticket_id] = max(numbers[row.ticket_id], row.number)
    several = Episode.objects.filter(ticket_id__in=ticket_ids, number__gt=1, survey=None)
    extra = [
        pk
        for pk, ticket_id, number in several.values_list("pk", "ticket_id", "number")
        if number > numbers[ticket_id]
    ]
    if extra:
        Episode.objects.filter(pk__in=extra).delete()
