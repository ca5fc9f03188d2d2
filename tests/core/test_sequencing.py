"""The order of events on PostgreSQL, with two real connections, and after dump and restore."""

import threading

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from core.actors import SYSTEM
from core.models import Event, EventPosition, Sequencer
from core.sequencing import sequence_events
from tests.core.test_delivery import HAPPENED

pytestmark = pytest.mark.django_db(transaction=True)

needs_two_writers = pytest.mark.skipif(
    connection.vendor == "sqlite",
    reason="SQLite has a single writer: ids are commit order",
)


@needs_two_writers
@pytest.mark.postgres
def test_an_event_that_commits_later_with_a_lower_id_is_not_skipped() -> None:
    """A takes the lower event id and, by writing late, the later transaction id; B commits first."""
    has_lower_id, may_commit = threading.Event(), threading.Event()

    def slow_writer() -> None:
        try:
            with transaction.atomic():
                HAPPENED.record(by=SYSTEM, subject_id=1)
                has_lower_id.set()
                assert may_commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow_writer)
    thread.start()
    assert has_lower_id.wait(10)
    with transaction.atomic():
        later = HAPPENED.record(by=SYSTEM, subject_id=2)
    assert sequence_events() == 1
    assert EventPosition.objects.get(seq=1).event_id == later.pk
    may_commit.set()
    thread.join()
    earlier = Event.objects.get(subject_id=1)
    assert earlier.pk < later.pk
    assert sequence_events() == 2
    assert EventPosition.objects.get(seq=2).event_id == earlier.pk


@needs_two_writers
@pytest.mark.postgres
def test_many_writers_leave_no_gap() -> None:
    def write() -> None:
        try:
            for number in range(10):
                with transaction.atomic():
                    HAPPENED.record(by=SYSTEM, subject_id=number)
                sequence_events()
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sequence_events() == 40
    assert list(EventPosition.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 41))


def test_the_order_survives_dump_and_restore(tmp_path: object) -> None:
    for number in (1, 2, 3):
        with transaction.atomic():
            HAPPENED.record(by=SYSTEM, subject_id=number)
    sequence_events()
    before = list(EventPosition.objects.order_by("seq").values_list("event_id", "seq"))
    path = f"{tmp_path}/dump.json"
    call_command(
        "dumpdata", "core.event", "core.eventdetail", "core.eventposition", "core.sequencer", output=path
    )
    call_command("flush", interactive=False, verbosity=0)
    Sequencer.objects.all().delete()
    call_command("loaddata", path, verbosity=0)
    assert list(EventPosition.objects.order_by("seq").values_list("event_id", "seq")) == before
    with transaction.atomic():
        newest = HAPPENED.record(by=SYSTEM, subject_id=4)
    assert sequence_events() == 4
    assert EventPosition.objects.get(seq=4).event_id == newest.pk
