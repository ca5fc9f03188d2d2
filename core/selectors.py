"""Reads of the operations pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Max, QuerySet
from django.utils import timezone

from core.events import event_type
from core.models import DeadLetter, Event, EventBlock, EventPosition, Outbound

OPEN_LETTERS = (DeadLetter.State.PARKED, DeadLetter.State.WAITING)


def counts_by_state(rows: QuerySet[Any]) -> dict[str, int]:
    """Return the number of rows per ``state``."""
    return dict(rows.order_by().values_list("state").annotate(count=Count("pk")))


@dataclass(frozen=True)
class ParkedStream:
    """A stream a subscriber cannot go on with: the event it failed on and how many wait behind."""

    letter: DeadLetter
    waiting: int


def parked_streams() -> list[ParkedStream]:
    """Return the head of every stream with open letters, oldest first."""
    heads: dict[tuple[str, str], DeadLetter] = {}
    waiting: dict[tuple[str, str], int] = {}
    letters = DeadLetter.objects.filter(state__in=OPEN_LETTERS).select_related("event").order_by("seq")[:2000]
    for letter in letters:
        stream = (letter.subscriber, letter.stream)
        if stream in heads:
            waiting[stream] = waiting.get(stream, 0) + 1
        else:
            heads[stream] = letter
    return [ParkedStream(letter, waiting.get(stream, 0)) for stream, letter in heads.items()]


def outbox_rows(state: str, kind: str) -> QuerySet[Outbound]:
    """Return outbound rows of a state ("" is what needs a person: failed and uncertain), newest first."""
    rows = Outbound.objects.order_by("-pk")
    rows = rows.filter(state=state) if state else rows.filter(state__in=["failed", "uncertain"])
    return rows.filter(kind=kind) if kind else rows


@dataclass(frozen=True)
class EventFilter:
    """Which events to show; empty values do not filter. ``before`` is the exclusive upper end of ``seq``."""

    app: str = ""
    verb: str = ""
    actor: str = ""
    subject: str = ""
    on: date | None = None
    before: int | None = None


def event_rows(wanted: EventFilter) -> QuerySet[Event]:
    """Return events with ``seq`` and details, newest first."""
    rows = (
        Event.objects.filter(position__seq__isnull=False)
        .annotate(seq=F("position__seq"))
        .select_related("detail")
        .order_by("-position__seq")
    )
    if wanted.app:
        rows = rows.filter(verb__startswith=f"{wanted.app}.")
    if wanted.verb:
        rows = rows.filter(verb=wanted.verb)
    if wanted.actor:
        kind, _colon, number = wanted.actor.partition(":")
        rows = rows.filter(actor_kind=kind)
        if number.isdecimal():
            rows = rows.filter(actor_id=int(number))
    kind, _colon, number = wanted.subject.partition(":")
    if number.isdecimal():
        by_column = {"ticket": "ticket_id", "account": "account_id"}.get(kind)
        named = {by_column: int(number)} if by_column else {"subject_kind": kind, "subject_id": int(number)}
        rows = rows.filter(**named)
    if wanted.on is not None:
        start = timezone.make_aware(datetime.combine(wanted.on, time.min))
        end = timezone.make_aware(datetime.combine(wanted.on, time.max))
        rows = rows.filter(occurred_at__gte=start, occurred_at__lte=end)
    if wanted.before is not None:
        rows = rows.filter(position__seq__lt=wanted.before)
    return rows


@dataclass(frozen=True)
class EventLine:
    """An event in words."""

    event: Event
    actor: str
    sentence: str
    sealed: bool


def event_lines(events: Iterable[Event], sealed_to: int) -> list[EventLine]:
    """Put actors and sentences to events; one query for all names."""
    rows = list(events)
    ids = {event.actor_id for event in rows if event.actor_kind == "staff" and event.actor_id is not None}
    people = {user.pk: str(user) for user in get_user_model().objects.filter(pk__in=ids)}
    lines = []
    for event in rows:
        known = event_type(event.verb)
        actor = people.get(event.actor_id or 0, "") if event.actor_kind == "staff" else ""
        if not actor:
            actor = f"{event.actor_kind} {event.actor_id or ''}".strip()
        seq: int = event.seq  # type: ignore[attr-defined]
        sentence = str(known.sentence) if known else event.verb
        lines.append(EventLine(event, actor, sentence, seq <= sealed_to))
    return lines


@dataclass(frozen=True)
class SealStatus:
    """How far the event log is sealed."""

    blocks: int
    sealed_to: int
    last_seq: int
    sealed_at: datetime | None

    @property
    def unsealed(self) -> int:
        """Events that no block holds yet."""
        return max(0, self.last_seq - self.sealed_to)


def seal_status() -> SealStatus:
    """Return the state of the seal."""
    block = EventBlock.objects.order_by("-number").first()
    last = EventPosition.objects.aggregate(last=Max("seq"))["last"] or 0
    if block is None:
        return SealStatus(0, 0, last, None)
    return SealStatus(block.number, block.last_seq, last, block.sealed_at)
