"""Delivery of events to subscribers: positions, leases, retries and dead letters.

The position moves by compare-and-set in the transaction of ``apply``: whoever loses the race rolls back, so effects in
the database happen exactly once whatever is killed. The lease only saves double work in ``prepare``.
"""

import logging
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Mod
from django.utils import timezone

from core.actors import HISTORY, SYSTEM
from core.events import SUBSCRIBER_PARKED
from core.models import DeadLetter, Event, SubscriberPosition
from core.sequencing import sequence_events
from core.subscription import NotReady, Subscriber, subscribers

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 3
NOT_READY_PAUSE = timedelta(seconds=10)
BACKOFF_SECONDS = (1, 4, 15)
# An idle position is moved only when it lags this far: most events concern few subscribers, each move is a write.
IDLE_LAG = 1000


class Overtaken(Exception):
    """Another process has moved the position; this one's work is rolled back."""


def pump(queue: str, *, budget_seconds: float = 40.0) -> int:
    """Sequence new events and deliver them to the subscribers of ``queue`` until none is left or the budget is over.

    Returns the number of events delivered (parked ones included).
    """
    deadline = time.monotonic() + budget_seconds
    total = 0
    while True:
        head = sequence_events()
        delivered = 0
        for subscriber in subscribers:
            if subscriber.queue == queue:
                for shard in range(subscriber.shards):
                    delivered += _deliver(subscriber, shard, head, deadline)
        total += delivered
        if not delivered or time.monotonic() >= deadline:
            return total


def _deliver(subscriber: Subscriber, shard: int, head: int, deadline: float) -> int:
    """Deliver to one shard under its lease; returns the number of events taken."""
    position, _created = SubscriberPosition.objects.get_or_create(subscriber=subscriber.key, shard=shard)
    now = timezone.now()
    if position.seq >= head or (position.retry_at is not None and position.retry_at > now):
        return 0
    if not events_after(subscriber, shard, position.seq, head).exists():
        if head - position.seq > IDLE_LAG:
            SubscriberPosition.objects.filter(pk=position.pk, seq=position.seq).update(seq=head)
        return 0
    lease = now + LEASE
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    if not SubscriberPosition.objects.filter(free, pk=position.pk).update(leased_until=lease):
        return 0
    taken = 0
    try:
        while time.monotonic() < deadline:
            position.refresh_from_db()
            if position.leased_until != lease:
                break
            events = list(events_after(subscriber, shard, position.seq, head)[: subscriber.batch_size])
            if not events:
                break
            moved = _take(subscriber, position, events)
            taken += moved
            if moved < len(events):
                break
            lease = timezone.now() + LEASE
            SubscriberPosition.objects.filter(pk=position.pk).update(leased_until=lease)
    finally:
        SubscriberPosition.objects.filter(pk=position.pk, leased_until=lease).update(leased_until=None)
    return taken


def events_after(subscriber: Subscriber, shard: int, seq: int, head: int) -> QuerySet[Event]:
    """Return the subscriber's events with ``seq`` in (seq, head] in order, annotated with ``seq``, details loaded.

    History is left out: whoever brought it in has written its effects.
    """
    events = (
        Event.objects.filter(position__seq__gt=seq, position__seq__lte=head, verb__in=subscriber.verbs)
        .exclude(source=HISTORY)
        .annotate(seq=F("position__seq"))
        .select_related("detail")
        .order_by("position__seq")
    )
    if subscriber.shards > 1:
        stream_id = Coalesce(F("ticket_id"), F("account_id"), F("subject_id"))
        events = events.annotate(stream_shard=Mod(stream_id, subscriber.shards)).filter(stream_shard=shard)
    return events


def _take(subscriber: Subscriber, position: SubscriberPosition, events: Sequence[Event]) -> int:
    """Apply a batch, or its events one by one when the batch fails; returns how many the position has passed."""
    try:
        _apply(subscriber, position, events)
        return len(events)
    except Overtaken:
        return 0
    except (OperationalError, InterfaceError):
        # The database, not the event, is in trouble: nothing counts as an attempt, the next nudge tries again.
        logger.warning("database trouble in subscriber %s", subscriber.key, exc_info=True)
        return 0
    except (NotReady, SoftTimeLimitExceeded) as error:
        logger.warning("subscriber %s is not ready: %s", subscriber.key, error)
        SubscriberPosition.objects.filter(pk=position.pk, seq=position.seq).update(
            retry_at=timezone.now() + NOT_READY_PAUSE, last_error=str(error) or type(error).__name__
        )
        return 0
    except Exception as error:  # noqa: BLE001 - whatever a subscriber raises must be recorded, never lost
        if len(events) == 1:
            return 1 if _count_failure(subscriber, position, events[0], error) else 0
    taken = 0
    for event in events:
        moved = _take(subscriber, position, [event])
        if not moved:
            break
        taken += moved
        position.refresh_from_db()
    return taken


def _apply(subscriber: Subscriber, position: SubscriberPosition, events: Sequence[Event]) -> None:
    """Prepare outside, then apply and move the position in one transaction; blocked streams queue behind their letter."""
    blocked = open_streams(subscriber.key, {event.stream for event in events})
    ready = [event for event in events if event.stream not in blocked]
    prepared = subscriber.prepare(ready) if ready else None
    with transaction.atomic():
        _move(position, seq_of(events[-1]))
        if open_streams(subscriber.key, {event.stream for event in events}) != blocked:
            # A retry has freed a stream, or dropped a letter, since we looked: nobody would come back for what waits.
            raise Overtaken
        if ready:
            subscriber.apply(ready, prepared)
        DeadLetter.objects.bulk_create(
            [
                DeadLetter(
                    subscriber=subscriber.key,
                    event=event,
                    seq=seq_of(event),
                    stream=event.stream,
                    state=DeadLetter.State.WAITING,
                )
                for event in events
                if event.stream in blocked
            ],
            ignore_conflicts=True,
        )


def _move(position: SubscriberPosition, seq: int) -> None:
    """Move the position from the value read to ``seq`` or raise Overtaken."""
    moved = SubscriberPosition.objects.filter(pk=position.pk, seq=position.seq).update(
        seq=seq, attempts=0, retry_at=None, last_error="", updated_at=timezone.now()
    )
    if not moved:
        raise Overtaken


def _count_failure(
    subscriber: Subscriber, position: SubscriberPosition, event: Event, error: Exception
) -> bool:
    """Note a failed attempt; after MAX_ATTEMPTS park the event and go on. Returns whether it was parked."""
    text = "".join(traceback.format_exception(error))[-8000:]
    logger.warning("subscriber %s failed on event %s: %s", subscriber.key, event.pk, error)
    attempts = position.attempts + 1
    if attempts < MAX_ATTEMPTS:
        SubscriberPosition.objects.filter(pk=position.pk, seq=position.seq).update(
            attempts=attempts,
            retry_at=timezone.now() + timedelta(seconds=BACKOFF_SECONDS[attempts - 1]),
            last_error=text,
        )
        return False
    try:
        with transaction.atomic():
            _move(position, seq_of(event))
            letter, _created = DeadLetter.objects.update_or_create(
                subscriber=subscriber.key,
                event=event,
                defaults={
                    "seq": seq_of(event),
                    "stream": event.stream,
                    "state": DeadLetter.State.PARKED,
                    "attempts": attempts,
                    "error": text,
                },
            )
            SUBSCRIBER_PARKED.record(by=SYSTEM, subject_id=letter.pk, detail={"subscriber": subscriber.key})
    except Overtaken:
        return False
    return True


def open_streams(subscriber: str, streams: set[str]) -> set[str]:
    """Return those of ``streams`` that have an open dead letter of this subscriber."""
    return set(
        DeadLetter.objects.filter(
            subscriber=subscriber,
            stream__in=streams,
            state__in=[DeadLetter.State.PARKED, DeadLetter.State.WAITING],
        ).values_list("stream", flat=True)
    )


def seq_of(event: Event) -> int:
    """Return the annotated place of an event read by ``events_after``."""
    seq: int = event.seq  # type: ignore[attr-defined]
    return seq
