"""External effects leave once, retry with back-off, and never repeat behind anybody's back."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

from core.actors import SYSTEM
from core.models import Outbound
from core.outbox import (
    RETRY_SECONDS,
    PermanentFailure,
    Postponed,
    Sender,
    TemporaryFailure,
    Withheld,
    cancel_outbound,
    enqueue_outbound,
    retry_outbound,
    send_due,
    senders,
)

pytestmark = pytest.mark.django_db


class Pigeon(Sender):
    """Sends into a list; ``trouble`` is raised by the phase it is meant for."""

    key = "test.pigeon"
    flown: ClassVar[list[str]] = []
    trouble: ClassVar[dict[str, Exception]] = {}
    has_arrived: ClassVar[bool | None] = None
    settled_states: ClassVar[list[str]] = []

    def prepare(self, outbound: Outbound) -> str:
        if "prepare" in self.trouble:
            raise self.trouble["prepare"]
        return str(outbound.payload["to"])

    def send(self, outbound: Outbound, prepared: str) -> str:
        if "send" in self.trouble:
            raise self.trouble["send"]
        self.flown.append(prepared)
        if "after" in self.trouble:
            raise self.trouble["after"]
        return f"pigeon-{outbound.pk}"

    def arrived(self, outbound: Outbound) -> bool | None:
        return self.has_arrived

    def settled(self, outbound: Outbound) -> None:
        self.settled_states.append(outbound.state)


@pytest.fixture(autouse=True)
def pigeon() -> Any:
    """The sender, fresh for each test."""
    Pigeon.flown, Pigeon.trouble, Pigeon.has_arrived, Pigeon.settled_states = [], {}, None, []
    with senders.temporarily(Pigeon) as part:
        yield part


def put(key: str = "k1", **fields: Any) -> Outbound:
    """Enqueue one effect."""
    with transaction.atomic():
        return enqueue_outbound(kind="test.pigeon", idempotency_key=key, payload={"to": "Oslo"}, **fields)


def make_due(row: Outbound) -> None:
    """Pretend that the back-off is over."""
    Outbound.objects.filter(pk=row.pk).update(not_before=timezone.now() - timedelta(seconds=1))


class Died(BaseException):
    """Stands for kill -9: nothing after it runs in the process."""


def test_an_effect_leaves_once_per_key() -> None:
    first, second = put(), put()
    assert first.pk == second.pk
    assert send_due() == 1
    assert send_due() == 0
    first.refresh_from_db()
    assert (first.state, first.provider_id, first.attempts) == ("sent", f"pigeon-{first.pk}", 1)
    assert Pigeon.flown == ["Oslo"]
    assert Pigeon.settled_states == ["sent"]


def test_temporary_trouble_is_retried_with_back_off_until_it_is_given_up() -> None:
    row = put()
    Pigeon.trouble = {"send": TemporaryFailure("storm")}
    for attempt, pause in enumerate(RETRY_SECONDS, start=1):
        assert send_due() == 1
        row.refresh_from_db()
        if attempt < len(RETRY_SECONDS):
            assert (row.state, row.attempts) == ("pending", attempt)
            assert row.not_before > timezone.now() + timedelta(seconds=pause - 5)
        make_due(row)
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("failed", "storm")
    assert Pigeon.settled_states == ["failed"]
    Pigeon.trouble = {}
    assert retry_outbound(outbound=row, by=SYSTEM)
    send_due()
    row.refresh_from_db()
    assert row.state == "sent"


@pytest.mark.parametrize(
    ("phase", "error", "state"),
    [
        ("prepare", Withheld("opted out"), "cancelled"),
        ("prepare", PermanentFailure("no address"), "failed"),
        ("send", PermanentFailure("550 unknown"), "failed"),
        ("send", ValueError("bug"), "pending"),
    ],
)
def test_each_outcome_has_its_state(phase: str, error: Exception, state: str) -> None:
    row = put()
    Pigeon.trouble = {phase: error}
    send_due()
    row.refresh_from_db()
    assert (row.state, row.last_error) == (state, str(error))
    assert Pigeon.flown == []


@pytest.mark.parametrize(("arrived", "state"), [(True, "sent"), (None, "uncertain"), (False, "pending")])
def test_an_effect_that_takes_too_long_is_not_repeated_unless_it_may_be(
    arrived: bool | None, state: str
) -> None:
    row = put()
    Pigeon.trouble, Pigeon.has_arrived = {"after": SoftTimeLimitExceeded()}, arrived
    send_due()
    row.refresh_from_db()
    assert (row.state, Pigeon.flown) == (state, ["Oslo"])


def test_postponed_effects_come_back_at_their_time() -> None:
    row = put()
    until = timezone.now() + timedelta(hours=9)
    Pigeon.trouble = {"prepare": Postponed(until, "quiet hours")}
    send_due()
    row.refresh_from_db()
    assert (row.state, row.not_before, row.attempts) == ("pending", until, 0)
    Pigeon.trouble = {}
    assert send_due() == 0
    make_due(row)
    assert send_due() == 1


@pytest.mark.parametrize(("arrived", "state"), [(True, "sent"), (None, "uncertain")])
def test_a_worker_killed_while_sending_never_repeats_the_effect(arrived: bool | None, state: str) -> None:
    row = put()
    Pigeon.trouble = {"after": Died()}  # type: ignore[dict-item]
    with pytest.raises(Died):
        send_due()
    Pigeon.trouble, Pigeon.has_arrived = {}, arrived
    assert send_due() == 0, "the lease protects the row"
    Outbound.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    send_due()
    row.refresh_from_db()
    assert row.state == state
    assert Pigeon.flown == ["Oslo"]


def test_a_worker_killed_before_sending_is_made_up_for() -> None:
    put()
    Pigeon.trouble = {"send": Died()}  # type: ignore[dict-item]
    with pytest.raises(Died):
        send_due()
    Pigeon.trouble, Pigeon.has_arrived = {}, False
    Outbound.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    send_due()
    send_due()
    assert Pigeon.flown == ["Oslo"]


def test_cancelling_works_until_the_effect_leaves() -> None:
    row = put(not_before=timezone.now() + timedelta(seconds=15))
    assert send_due() == 0
    assert cancel_outbound(outbound=row, reason="undo")
    make_due(row)
    assert send_due() == 0
    assert not cancel_outbound(outbound=row, reason="again")
    assert Pigeon.settled_states == ["cancelled"]


def test_unknown_kinds_are_refused_at_the_door() -> None:
    with pytest.raises(LookupError, match="no outbound part"):
        enqueue_outbound(kind="test.unknown", idempotency_key="x", payload={})


def test_a_row_cancelled_while_it_is_prepared_does_not_leave() -> None:
    row = put()

    def prepare(self: Pigeon, outbound: Outbound) -> str:
        assert cancel_outbound(outbound=row, reason="undone")
        return "Oslo"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pigeon, "prepare", prepare)
        send_due()
    row.refresh_from_db()
    assert (row.state, Pigeon.flown) == ("cancelled", [])
