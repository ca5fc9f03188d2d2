"""Sealing the event log: blocks chained by SHA-256, and the proof that nothing was changed, removed or slipped in."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import F

from core.events import detail_digest
from core.models import Event, EventBlock, EventDetail
from core.models.event import Sequencer
from core.sequencing import sequence_events

BLOCK_SIZE = 1000
GENESIS = "0" * 64
_COLUMNS = (
    "pk", "verb", "actor_kind", "actor_id", "subject_kind", "subject_id", "account_id", "ticket_id", "source",
    "cause_id", "depth", "detail_digest",
)  # fmt: skip


def seal_events(*, limit_blocks: int = 20) -> int:
    """Seal the sequenced, not yet sealed events in blocks of at most BLOCK_SIZE; returns the number of blocks made."""
    sequence_events()
    made = 0
    while made < limit_blocks:
        with transaction.atomic():
            # The sequencer's row is the one lock for writers of the order and of its seal.
            head = Sequencer.objects.select_for_update().get(pk=1).last_seq
            last = EventBlock.objects.order_by("-number").first()
            first_seq = 1 if last is None else last.last_seq + 1
            if first_seq > head:
                return made
            last_seq = min(head, first_seq + BLOCK_SIZE - 1)
            previous = GENESIS if last is None else last.hash
            EventBlock.objects.create(
                number=1 if last is None else last.number + 1,
                first_seq=first_seq,
                last_seq=last_seq,
                previous_hash=previous,
                hash=block_hash(previous, first_seq, last_seq),
            )
            made += 1
    return made


def block_hash(previous: str, first_seq: int, last_seq: int) -> str:
    """Return the SHA-256 over the previous hash and the rows ``first_seq..last_seq`` in canonical JSON, one per line."""
    digest = hashlib.sha256(previous.encode())
    for event in _rows(first_seq, last_seq):
        digest.update(b"\n")
        digest.update(canonical_row(event).encode())
    return digest.hexdigest()


def canonical_row(event: Event) -> str:
    """Return the canonical JSON of an event annotated with ``seq``."""
    values: list[Any] = [
        event.seq,  # type: ignore[attr-defined]
        event.occurred_at.astimezone(UTC).isoformat(),
        event.recorded_at.astimezone(UTC).isoformat(),
    ]
    values += [getattr(event, column) for column in _COLUMNS]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def _rows(first_seq: int, last_seq: int) -> Iterator[Event]:
    rows = Event.objects.filter(position__seq__gte=first_seq, position__seq__lte=last_seq)
    return rows.annotate(seq=F("position__seq")).order_by("position__seq").iterator(chunk_size=1000)


@dataclass
class Verification:
    """Outcome of a proof: how much was checked and the first problems found, in words."""

    blocks: int = 0
    events: int = 0
    unsealed: int = 0
    erased_details: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verify_events(*, most_problems: int = 20) -> Verification:
    """Recompute every block and every detail's digest; returns what was checked and what does not match."""
    result = Verification()
    previous, expected_first, number = GENESIS, 1, 1
    for block in EventBlock.objects.order_by("number").iterator():
        if (block.number, block.first_seq, block.previous_hash) != (number, expected_first, previous):
            result.problems.append(f"block {block.number} does not follow the block before it")
        if _rows_in(block.first_seq, block.last_seq) != block.last_seq - block.first_seq + 1:
            result.problems.append(f"block {block.number}: events are missing or were added")
        elif block_hash(block.previous_hash, block.first_seq, block.last_seq) != block.hash:
            result.problems.append(f"block {block.number}: an event was changed")
        result.blocks += 1
        result.events += block.last_seq - block.first_seq + 1
        previous, expected_first, number = block.hash, block.last_seq + 1, block.number + 1
        if len(result.problems) >= most_problems:
            return result
    result.unsealed = Event.objects.filter(position__seq__gte=expected_first).count()
    for problem in chain(_rows_without_their_other_half(), _changed_details(result)):
        result.problems.append(problem)
        if len(result.problems) >= most_problems:
            break
    return result


def _rows_without_their_other_half() -> Iterator[str]:
    """Yield the events without a place or a detail: whoever records an event writes all three rows."""
    for event_id in Event.objects.filter(position=None).order_by("pk").values_list("pk", flat=True):
        yield f"event {event_id}: it was slipped in, it has no place in the order"
    for event_id in Event.objects.filter(detail=None).order_by("pk").values_list("pk", flat=True):
        yield f"event {event_id}: its detail was removed"


def _changed_details(result: Verification) -> Iterator[str]:
    """Yield the details that do not match their digest, and count the erased ones on ``result``."""
    for detail in EventDetail.objects.select_related("event").order_by("pk").iterator(chunk_size=1000):
        if detail.erased_at is not None:
            result.erased_details += 1
            if detail.data is not None:
                yield f"event {detail.event_id}: its erased detail holds something"
        elif detail_digest(detail.data or {}, detail.salt) != detail.event.detail_digest:
            yield f"event {detail.event_id}: its detail was changed"


def _rows_in(first_seq: int, last_seq: int) -> int:
    return Event.objects.filter(position__seq__gte=first_seq, position__seq__lte=last_seq).count()
