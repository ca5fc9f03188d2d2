"""Record events of the past in bulk: what an import or the demo world brings along.

Each event keeps the moment it happened as the moment it was recorded, and the events get their places in the order at
once, oldest first. No worker is nudged. Subscribers leave events of the source ``core.actors.HISTORY`` alone: whoever
imports writes the effects too. Events of other sources are read like any, unless ``fast_forward`` moves everybody past them.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from core.actors import Actor
from core.bulk_rows import insert_rows, prepared
from core.events import EventType, detail_digest
from core.models import Event, EventDetail, EventPosition, Sequencer
from core.sequencing import sequence_events

BATCH = 1000


@dataclass(frozen=True)
class PastEvent:
    """One event as it would have been recorded at ``at`` (aware); the other fields are those of ``EventType.record``."""

    type: EventType
    by: Actor
    subject_id: int
    at: datetime
    account_id: int | None = None
    ticket_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def record_history(*, events: Sequence[PastEvent]) -> int:
    """Write the events after all that is recorded, in the order of their moments; returns how many."""
    ordered = sorted(events, key=lambda event: event.at)
    with transaction.atomic():
        sequence_events()
        sequencer = Sequencer.objects.select_for_update().get(pk=1)
        for start in range(0, len(ordered), BATCH):
            _insert(ordered[start : start + BATCH], sequencer.last_seq)
            sequencer.last_seq += len(ordered[start : start + BATCH])
        sequencer.save(update_fields=["last_seq"])
    return len(ordered)


def _insert(batch: Sequence[PastEvent], last_seq: int) -> None:
    rows, details = [], []
    for past in batch:
        data = json.loads(json.dumps(dict(past.detail), cls=DjangoJSONEncoder))
        salt = secrets.token_hex(16)
        rows.append(
            Event(
                occurred_at=past.at,
                recorded_at=past.at,
                verb=past.type.verb,
                actor_kind=past.by.actor_kind,
                actor_id=past.by.actor_id,
                subject_kind=past.type.subject,
                subject_id=past.subject_id,
                account_id=past.account_id,
                ticket_id=past.ticket_id,
                source=past.by.source,
                detail_digest=detail_digest(data, salt),
            )
        )
        details.append((data, salt))
    Event.objects.bulk_create(rows, batch_size=BATCH)
    insert_rows(
        EventDetail,
        ("event_id", "data", "salt"),
        [
            (row.pk, prepared(EventDetail, "data", data), salt)
            for row, (data, salt) in zip(rows, details, strict=True)
        ],
    )
    insert_rows(
        EventPosition,
        ("event_id", "seq"),
        [(row.pk, last_seq + number) for number, row in enumerate(rows, start=1)],
    )
