"""The event log's front door: declare an event type, record an event.

Each app declares its events in ``<app>/events.py``::

    TICKET_ASSIGNED = EventType("tickets.assigned", subject="ticket", sentence=_("assigned the ticket"))

and a service records one in the transaction of its change::

    TICKET_ASSIGNED.record(by=viewer, subject_id=ticket.pk, ticket_id=ticket.pk, detail={"to": 4})
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import nudge
from core.actors import Actor
from core.models import Event, EventDetail, EventPosition

MAX_DEPTH = 5

_types: dict[str, "EventType"] = {}


class EventLoopError(RuntimeError):
    """Events caused each other more than MAX_DEPTH times; the change that would record one more is refused."""


class EventType:
    """A kind of fact: its verb (``app.past_verb``), the kind of its subject and a sentence for people."""

    def __init__(self, verb: str, *, subject: str, sentence: Any, feed: bool = True) -> None:
        """``feed`` tells whether the event is shown in timelines; it is always recorded."""
        if verb in _types:
            raise ValueError(f"event type {verb!r} is declared twice")
        self.verb = verb
        self.subject = subject
        self.sentence = sentence
        self.feed = feed
        _types[verb] = self

    def __repr__(self) -> str:
        return f"EventType({self.verb!r})"

    def record(
        self,
        *,
        by: Actor,
        subject_id: int,
        account_id: int | None = None,
        ticket_id: int | None = None,
        detail: Mapping[str, Any] | None = None,
        occurred_at: datetime | None = None,
        cause: Event | None = None,
    ) -> Event:
        """Write the event in the caller's transaction and nudge the workers after its commit.

        ``detail`` holds JSON values, personal ones included; its digest goes into the event. ``cause`` is the event
        that led to this one. Raises EventLoopError beyond MAX_DEPTH, TransactionManagementError outside a transaction.
        """
        [event] = self.record_many(
            by=by,
            rows=[
                {"subject_id": subject_id, "account_id": account_id, "ticket_id": ticket_id, "detail": detail,
                 "occurred_at": occurred_at}
            ],
            cause=cause,
        )  # fmt: skip
        return event

    def record_many(
        self, *, by: Actor, rows: Iterable[Mapping[str, Any]], cause: Event | None = None
    ) -> list[Event]:
        """Record several events of this type in three inserts; each row has the keyword arguments of ``record``."""
        return record_together(by=by, entries=[(self, row) for row in rows], cause=cause)


def record_together(
    *, by: Actor, entries: Iterable[tuple[EventType, Mapping[str, Any]]], cause: Event | None = None
) -> list[Event]:
    """Record events of several types, in their order, in three inserts; a row has the keyword arguments of ``record``.

    A row may name an actor and a cause of its own, which then take the place of ``by`` and ``cause``. Raises EventLoopError
    beyond MAX_DEPTH, TransactionManagementError outside a transaction.
    """
    now = timezone.now()
    events, details = [], []
    for event_type, row in entries:
        if not connection.in_atomic_block:
            raise transaction.TransactionManagementError(
                f"{event_type.verb} must be recorded inside a transaction"
            )
        its_cause: Event | None = row.get("cause") or cause
        depth = 0 if its_cause is None else its_cause.depth + 1
        if depth > MAX_DEPTH:
            raise EventLoopError(f"{event_type.verb} would be event number {depth} of one chain")
        data = json.loads(json.dumps(dict(row.get("detail") or {}), cls=DjangoJSONEncoder))
        salt = secrets.token_hex(16)
        actor: Actor = row.get("by") or by
        events.append(
            Event(
                occurred_at=row.get("occurred_at") or now,
                recorded_at=now,
                verb=event_type.verb,
                actor_kind=actor.actor_kind,
                actor_id=actor.actor_id,
                subject_kind=event_type.subject,
                subject_id=row["subject_id"],
                account_id=row.get("account_id"),
                ticket_id=row.get("ticket_id"),
                source=actor.source,
                cause_id=None if its_cause is None else its_cause.pk,
                depth=depth,
                detail_digest=detail_digest(data, salt),
            )
        )
        details.append((data, salt))
    Event.objects.bulk_create(events, batch_size=500)
    EventDetail.objects.bulk_create(
        [
            EventDetail(event=event, data=data, salt=salt)
            for event, (data, salt) in zip(events, details, strict=True)
        ],
        batch_size=500,
    )
    EventPosition.objects.bulk_create([EventPosition(event=event) for event in events], batch_size=500)
    for verb in dict.fromkeys(event.verb for event in events):
        nudge.after_commit(verb)
    return events


def detail_digest(data: Mapping[str, Any], salt: str) -> str:
    """Return the SHA-256 of the salted canonical JSON of ``data``; the salt keeps short values from being guessed."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


def event_types() -> list[EventType]:
    """Return every declared event type in the order of its verb."""
    return [_types[verb] for verb in sorted(_types)]


def event_type(verb: str) -> EventType | None:
    """Return the declared type of ``verb``, or None for verbs of a former version."""
    return _types.get(verb)


SUBSCRIBER_PARKED = EventType(
    "core.event_parked",
    subject="dead_letter",
    sentence=_("parked an event that could not be handled"),
    feed=False,
)
DEAD_LETTER_RETRIED = EventType(
    "core.dead_letter_retried", subject="dead_letter", sentence=_("retried parked events"), feed=False
)
DEAD_LETTER_DROPPED = EventType(
    "core.dead_letter_dropped", subject="dead_letter", sentence=_("dropped a parked event"), feed=False
)
SUBSCRIBER_REPLAYED = EventType(
    "core.subscriber_replayed", subject="subscriber", sentence=_("replayed a subscriber"), feed=False
)
OUTBOUND_RETRIED = EventType(
    "core.outbound_retried", subject="outbound", sentence=_("sent again"), feed=False
)
JOB_STARTED = EventType("core.job_started", subject="job", sentence=_("started a job"), feed=False)
JOB_ENDED = EventType("core.job_ended", subject="job", sentence=_("ended a job"), feed=False)
JOB_CANCELLED = EventType("core.job_cancelled", subject="job", sentence=_("cancelled a job"), feed=False)
JOB_RETRIED = EventType("core.job_retried", subject="job", sentence=_("retried a job"), feed=False)
NOTIFIED = EventType("core.notified", subject="user", sentence=_("was notified"), feed=False)
NOTIFICATION_PREFERENCE_SAVED = EventType(
    "core.notification_preference_saved",
    subject="user",
    sentence=_("changed how to be told"),
    feed=False,
)
APPROVAL_REQUESTED = EventType(
    "core.approval_requested", subject="approval", sentence=_("asked for an approval"), feed=False
)
APPROVAL_DECIDED = EventType(
    "core.approval_decided", subject="approval", sentence=_("decided about a request"), feed=False
)
APPROVAL_WITHDRAWN = EventType(
    "core.approval_withdrawn", subject="approval", sentence=_("withdrew a request"), feed=False
)
