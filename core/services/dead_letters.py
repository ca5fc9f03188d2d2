"""Retrying and dropping parked events, and replaying a subscriber."""

import traceback

from django.db import transaction
from django.db.models import F

from core.actors import Actor
from core.events import DEAD_LETTER_DROPPED, DEAD_LETTER_RETRIED, SUBSCRIBER_REPLAYED
from core.models import DeadLetter, Event, SubscriberPosition
from core.subscription import subscribers

OPEN = (DeadLetter.State.PARKED, DeadLetter.State.WAITING)


class NotReplayableError(ValueError):
    """The subscriber's effects cannot be repeated."""


def retry_stream(*, letter: DeadLetter, by: Actor) -> int:
    """Apply the parked event and those waiting behind it, in order, each in its own transaction.

    Stops at the first that fails again and keeps its error. Returns the number of events applied.
    """
    subscriber = subscribers.get(letter.subscriber)
    applied = 0
    while True:
        head = (
            DeadLetter.objects.filter(subscriber=letter.subscriber, stream=letter.stream, state__in=OPEN)
            .order_by("seq")
            .first()
        )
        if head is None:
            break
        event = Event.objects.select_related("detail").annotate(seq=F("position__seq")).get(pk=head.event_id)
        try:
            prepared = subscriber.prepare([event])
            with transaction.atomic():
                _hold_positions(letter.subscriber)
                taken = DeadLetter.objects.filter(pk=head.pk, state__in=OPEN).update(
                    state=DeadLetter.State.DONE
                )
                if taken:
                    subscriber.apply([event], prepared)
        except Exception as error:  # noqa: BLE001 - the error is shown beside the letter
            DeadLetter.objects.filter(pk=head.pk).update(
                state=DeadLetter.State.PARKED,
                attempts=F("attempts") + 1,
                error="".join(traceback.format_exception(error))[-8000:],
            )
            break
        applied += taken
    with transaction.atomic():
        DEAD_LETTER_RETRIED.record(
            by=by, subject_id=letter.pk, detail={"subscriber": letter.subscriber, "applied": applied}
        )
    return applied


def _hold_positions(subscriber: str) -> None:
    """Let delivery neither pass an event by nor queue one behind a letter until this transaction is over."""
    positions = SubscriberPosition.objects.filter(subscriber=subscriber).order_by("pk")
    list(positions.select_for_update().values_list("pk", flat=True))


@transaction.atomic
def drop_letter(*, letter: DeadLetter, reason: str, by: Actor) -> None:
    """Give one parked event up, with a reason; the events behind it stay and can be retried."""
    if not reason.strip():
        raise ValueError("a reason is required")
    _hold_positions(letter.subscriber)
    DeadLetter.objects.filter(pk=letter.pk, state__in=OPEN).update(
        state=DeadLetter.State.DROPPED, reason=reason.strip()
    )
    DEAD_LETTER_DROPPED.record(
        by=by, subject_id=letter.pk, detail={"subscriber": letter.subscriber, "reason": reason.strip()}
    )


@transaction.atomic
def replay_subscriber(*, key: str, from_seq: int, by: Actor) -> int:
    """Set a subscriber's positions back to ``from_seq`` (exclusive), so that it sees later events again.

    Returns the number of shards moved. Raises NotReplayableError for subscribers whose effects must not repeat.
    """
    subscriber = subscribers.get(key)
    if not subscriber.replayable:
        raise NotReplayableError(f"{key} has effects that must not repeat")
    moved = SubscriberPosition.objects.filter(subscriber=key, seq__gt=from_seq).update(
        seq=from_seq, attempts=0, retry_at=None, leased_until=None
    )
    SUBSCRIBER_REPLAYED.record(by=by, subject_id=0, detail={"subscriber": key, "from_seq": from_seq})
    return moved
