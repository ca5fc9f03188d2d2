"""The sealed log proves that it was not changed."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from core.actors import SYSTEM
from core.models import EventBlock, EventDetail, EventPosition
from core.sealing import seal_events, verify_events
from tests.core.test_delivery import HAPPENED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sealed() -> None:
    """Five events with personal details in one block."""
    for number in range(5):
        with transaction.atomic():
            HAPPENED.record(by=SYSTEM, subject_id=number, detail={"name": f"person {number}"})
    assert seal_events() == 1


def sql(statement: str) -> None:
    """Change the database behind the product's back."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_untouched_log_verifies() -> None:
    result = verify_events()
    assert result.ok
    assert (result.blocks, result.events, result.unsealed) == (1, 5, 0)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE core_event SET actor_id = 99 WHERE subject_id = 2", "an event was changed"),
        (
            "UPDATE core_eventdetail SET salt = 'x' WHERE event_id = (SELECT min(id) FROM core_event)",
            "detail was changed",
        ),
        ("UPDATE core_eventblock SET hash = '0'", "an event was changed"),
        (
            "DELETE FROM core_eventdetail WHERE event_id = (SELECT min(id) FROM core_event)",
            "detail was removed",
        ),
        (
            "UPDATE core_eventdetail SET erased_at = CURRENT_TIMESTAMP "
            "WHERE event_id = (SELECT min(id) FROM core_event)",
            "erased detail holds something",
        ),
    ],
)
def test_a_change_is_found(statement: str, problem: str) -> None:
    sql(statement)
    result = verify_events()
    assert not result.ok
    assert problem in " ".join(result.problems)


def test_a_removed_event_is_found() -> None:
    position = EventPosition.objects.get(seq=3)
    EventPosition.objects.filter(pk=position.pk).delete()
    assert "missing" in " ".join(verify_events().problems)


def test_a_removed_block_is_found() -> None:
    with transaction.atomic():
        HAPPENED.record(by=SYSTEM, subject_id=9)
    seal_events()
    EventBlock.objects.get(number=1).delete()
    assert "does not follow" in " ".join(verify_events().problems)


def test_erasing_a_detail_keeps_the_proof() -> None:
    EventDetail.objects.filter(event__subject_id=1).update(data=None, salt="", erased_at=timezone.now())
    result = verify_events()
    assert result.ok
    assert result.erased_details == 1


def test_the_command_says_so(capsys: Any) -> None:
    call_command("verify_events", "--json")
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["ok"] is True
    sql("UPDATE core_event SET verb = 'test.other' WHERE subject_id = 2")
    with pytest.raises(CommandError):
        call_command("verify_events")


def test_an_event_without_a_place_is_found() -> None:
    with transaction.atomic():
        slipped_in = HAPPENED.record(by=SYSTEM, subject_id=9)
    EventPosition.objects.filter(pk=slipped_in.pk).delete()
    assert verify_events().problems == [
        f"event {slipped_in.pk}: it was slipped in, it has no place in the order"
    ]
