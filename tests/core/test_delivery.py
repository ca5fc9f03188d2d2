"""Events reach subscribers once, in order, whatever fails."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import transaction
from django.utils import timezone

from core.actors import SYSTEM
from core.delivery import MAX_ATTEMPTS, pump
from core.events import EventLoopError, EventType
from core.first_rows import put_first_rows
from core.models import DeadLetter, Event, EventPosition, Notification, SubscriberPosition
from core.models.event import AppendOnlyError
from core.sequencing import last_seq, sequence_events
from core.services.dead_letters import drop_letter, replay_subscriber, retry_stream
from core.subscription import NotReady, Subscriber, subscribers

HAPPENED = EventType("test.happened", subject="thing", sentence="happened")


class Recorder(Subscriber):
    """Writes one notification row per event; fails on ids in ``poison``."""

    key = "test.recorder"
    verbs = frozenset({"test.happened"})
    batch_size = 4
    poison: ClassVar[set[int]] = set()
    user_id: ClassVar[int] = 0
    during_prepare: ClassVar[list[Callable[[], None]]] = []

    def prepare(self, events: Sequence[Event]) -> list[int]:
        for call in self.during_prepare:
            call()
        return [event.subject_id for event in events]

    def apply(self, events: Sequence[Event], prepared: list[int]) -> None:
        for event, number in zip(events, prepared, strict=True):
            Notification.objects.create(
                user_id=self.user_id, verb="test.seen", event_id=event.pk, text=str(number)
            )
            if number in self.poison:
                raise ValueError(f"cannot digest {number}")


@pytest.fixture
def recorder(agent: Any) -> Any:
    """The recorder, registered for the length of a test."""
    Recorder.user_id, Recorder.poison, Recorder.during_prepare = agent.pk, set(), []
    with subscribers.temporarily(Recorder) as part:
        yield part


def happen(*numbers: int, ticket_id: int | None = None) -> list[Event]:
    """Record one event per number, each in its own transaction."""
    events = []
    for number in numbers:
        with transaction.atomic():
            events.append(HAPPENED.record(by=SYSTEM, subject_id=number, ticket_id=ticket_id))
    return events


def seen() -> list[int]:
    """Return what the recorder wrote, in order."""
    rows = Notification.objects.filter(verb="test.seen").order_by("pk")
    return [int(row.text) for row in rows]


def let_retries_be_due() -> None:
    """Pretend that the back-off is over."""
    SubscriberPosition.objects.update(retry_at=timezone.now() - timedelta(seconds=1))


def test_events_arrive_once_and_in_order(recorder: Recorder) -> None:
    happen(*range(10))
    pump("events")
    pump("events")
    assert seen() == list(range(10))
    assert [*EventPosition.objects.order_by("seq").values_list("seq", flat=True)] == list(
        range(1, last_seq() + 1)
    )


def test_failed_apply_leaves_no_trace_and_is_parked_after_its_attempts(recorder: Recorder) -> None:
    Recorder.poison = {2}
    happen(1, ticket_id=1)
    happen(2, ticket_id=2)
    happen(3, ticket_id=3)
    for _ in range(MAX_ATTEMPTS):
        pump("events")
        assert 2 not in seen()
        let_retries_be_due()
    pump("events")
    assert seen() == [1, 3]
    letter = DeadLetter.objects.get()
    assert (letter.state, letter.attempts, letter.stream) == ("parked", MAX_ATTEMPTS, "ticket:2")
    assert "cannot digest 2" in letter.error
    assert Event.objects.filter(verb="core.event_parked", subject_id=letter.pk).exists()


def test_later_events_of_a_parked_stream_wait_behind_it_and_a_retry_takes_them_in_order(
    recorder: Recorder,
) -> None:
    Recorder.poison = {2}
    happen(2, ticket_id=7)
    for _ in range(MAX_ATTEMPTS):
        pump("events")
        let_retries_be_due()
    happen(4, 5, ticket_id=7)
    happen(6, ticket_id=8)
    pump("events")
    assert seen() == [6]
    assert DeadLetter.objects.filter(state="waiting").count() == 2

    letter = DeadLetter.objects.get(state="parked")
    assert retry_stream(letter=letter, by=SYSTEM) == 0
    Recorder.poison = set()
    assert retry_stream(letter=letter, by=SYSTEM) == 3
    assert seen() == [6, 2, 4, 5]
    happen(9, ticket_id=7)
    pump("events")
    assert seen()[-1] == 9


def test_nothing_waits_behind_a_letter_that_a_retry_has_closed_meanwhile(recorder: Recorder) -> None:
    Recorder.poison = {2}
    happen(2, ticket_id=7)
    for _ in range(MAX_ATTEMPTS):
        pump("events")
        let_retries_be_due()
    letter = DeadLetter.objects.get(state="parked")
    Recorder.poison = set()

    def retry() -> None:
        Recorder.during_prepare.clear()
        assert retry_stream(letter=letter, by=SYSTEM) == 1

    Recorder.during_prepare.append(retry)
    happen(3, ticket_id=7)
    happen(4, ticket_id=8)
    pump("events")
    pump("events")
    assert seen() == [2, 3, 4]
    assert not DeadLetter.objects.filter(state="waiting").exists()


def test_dropping_needs_a_reason_and_frees_the_stream(recorder: Recorder) -> None:
    Recorder.poison = {2}
    happen(2, 3, ticket_id=7)
    for _ in range(MAX_ATTEMPTS):
        pump("events")
        let_retries_be_due()
    pump("events")
    letter = DeadLetter.objects.get(state="parked")
    with pytest.raises(ValueError, match="reason"):
        drop_letter(letter=letter, reason=" ", by=SYSTEM)
    drop_letter(letter=letter, reason="bad import", by=SYSTEM)
    waiting = DeadLetter.objects.get(state="waiting")
    assert retry_stream(letter=waiting, by=SYSTEM) == 1
    assert seen() == [3]


def test_a_worker_overtaken_during_prepare_rolls_back(recorder: Recorder) -> None:
    happen(1, 2)

    def somebody_else_was_faster() -> None:
        SubscriberPosition.objects.filter(subscriber=recorder.key).update(seq=sequence_events())

    Recorder.during_prepare = [somebody_else_was_faster]
    pump("events")
    assert seen() == []


def test_a_held_lease_keeps_others_out_and_an_expired_one_does_not(recorder: Recorder) -> None:
    happen(1)
    SubscriberPosition.objects.create(
        subscriber=recorder.key, leased_until=timezone.now() + timedelta(seconds=30)
    )
    pump("events")
    assert seen() == []
    SubscriberPosition.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    pump("events")
    assert seen() == [1]


def test_a_subscriber_that_is_not_ready_parks_nothing(recorder: Recorder) -> None:
    def model_is_missing() -> None:
        raise NotReady("no model")

    Recorder.during_prepare = [model_is_missing]
    happen(1, 2)
    for _ in range(MAX_ATTEMPTS + 1):
        pump("events")
        let_retries_be_due()
    position = SubscriberPosition.objects.get(subscriber=recorder.key)
    assert (position.attempts, position.last_error) == (0, "no model")
    assert not DeadLetter.objects.exists()
    Recorder.during_prepare = []
    pump("events")
    assert seen() == [1, 2]


def test_replay_shows_the_events_again(recorder: Recorder) -> None:
    happen(1, 2, 3)
    pump("events")
    Notification.objects.all().delete()
    replay_subscriber(key=recorder.key, from_seq=0, by=SYSTEM)
    pump("events")
    assert seen() == [1, 2, 3]


def test_shards_take_each_stream_once(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "shards", 3)
    for number in range(12):
        happen(number, ticket_id=100 + number)
    pump("events")
    assert sorted(seen()) == list(range(12))
    assert SubscriberPosition.objects.filter(subscriber=recorder.key).count() == 3


@pytest.mark.django_db
def test_events_cannot_be_changed() -> None:
    [event] = happen(1)
    with pytest.raises(AppendOnlyError):
        Event.objects.filter(pk=event.pk).update(verb="other")
    with pytest.raises(AppendOnlyError):
        event.delete()
    event.verb = "other"
    with pytest.raises(AppendOnlyError):
        event.save()


@pytest.mark.django_db
def test_chains_of_events_end() -> None:
    cause = None
    with transaction.atomic():
        for _ in range(6):
            cause = HAPPENED.record(by=SYSTEM, subject_id=1, cause=cause)
        with pytest.raises(EventLoopError):
            HAPPENED.record(by=SYSTEM, subject_id=1, cause=cause)


@pytest.mark.django_db(transaction=True)
def test_recording_outside_a_transaction_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        HAPPENED.record(by=SYSTEM, subject_id=1)
    assert not Event.objects.exists()


class Newcomer(Recorder):
    """A subscriber of a later version that must not react to what is over."""

    key = "test.newcomer"
    replayable = False


@pytest.mark.parametrize(("cls", "taken"), [(Newcomer, [3]), (Recorder, [1, 2, 3])])
def test_what_came_before_a_new_subscriber_reaches_it_only_when_it_can_be_replayed(
    agent: Any, cls: type[Recorder], taken: list[int]
) -> None:
    Recorder.user_id, Recorder.poison, Recorder.during_prepare = agent.pk, set(), []
    happen(1, 2)
    with subscribers.temporarily(cls):
        put_first_rows()
        happen(3)
        pump("events")
    assert seen() == taken
