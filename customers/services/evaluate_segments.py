"""Keep the ledger of segments: who has entered and left since the last look. The only writer of memberships."""

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import FieldError, ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from core.events import EventType
from customers.events import SEGMENT_ENTERED, SEGMENT_LEFT
from customers.models import Account, Segment, SegmentMembership
from customers.segments import matching
from people.viewer import Viewer

SLICE = 20_000
BATCH = 1000
# How old an evaluation may become: what depends on time alone (renewals, lasting states) is seen within this.
EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


def evaluate_segments(*, by: Viewer, budget_seconds: float, now: datetime | None = None) -> int:
    """Evaluate the segments that changed, and those whose look is older than ``EVERY``, until the budget is over; oldest first.

    Returns how many were evaluated. A segment that cannot be evaluated is logged and does not keep the others waiting.
    """
    deadline = time.monotonic() + budget_seconds
    now = now or timezone.now()
    stale = Segment.objects.filter(evaluated_at__lt=now - EVERY)
    due = (
        Segment.objects.filter(evaluated_at=None)
        | Segment.objects.exclude(evaluated_revision=F("revision"))
        | stale
    )
    done = 0
    for segment in due.order_by(F("evaluated_at").asc(nulls_first=True), "pk"):
        if time.monotonic() > deadline:
            break
        try:
            evaluate_segment(segment=segment, by=by, now=now)
        except (FieldError, ValidationError, KeyError, ValueError):
            # A part of the definition is of a field that has changed its shape; its members stay as they were.
            log.exception("segment %s cannot be evaluated", segment.pk)
            Segment.objects.filter(pk=segment.pk).update(evaluated_at=now)
        done += 1
    return done


def evaluate_segment(
    *, segment: Segment, by: Viewer, now: datetime | None = None, at_most: int | None = None
) -> tuple[int, int]:
    """Bring the ledger of one segment up to date, in slices of accounts by id, each a transaction of three queries and what it
    writes. Returns how many have entered and left.

    With ``at_most`` nothing happens above so many accounts: the periodic task follows.
    """
    if at_most is not None and Account.objects.count() > at_most:
        return 0, 0
    now = now or timezone.now()
    revision, first, entered, left = segment.revision, 0, 0, 0
    while True:
        ids = Account.objects.filter(pk__gte=first).order_by("pk").values_list("pk", flat=True)
        until = next(iter(ids[SLICE : SLICE + 1]), None)
        came, went = _evaluate_range(segment, first, until, by, now)
        entered, left = entered + came, left + went
        if until is None:
            break
        first = until
    members = SegmentMembership.objects.filter(segment=segment, left_at=None).count()
    segment.members, segment.evaluated_at, segment.evaluated_revision = members, now, revision
    Segment.objects.filter(pk=segment.pk).update(
        members=members, evaluated_at=now, evaluated_revision=revision
    )
    return entered, left


@transaction.atomic
def _evaluate_range(
    segment: Segment, first: int, until: int | None, by: Viewer, now: datetime
) -> tuple[int, int]:
    # One evaluation at a time: two that overlap would both see somebody enter.
    if not Segment.objects.select_for_update().filter(pk=segment.pk).exists():
        return 0, 0
    inside = matching(segment.definition, owner_id=segment.owner_id, now=now).filter(pk__gte=first)
    present = SegmentMembership.objects.filter(segment=segment, left_at=None, account__gte=first)
    if until is not None:
        inside, present = inside.filter(pk__lt=until), present.filter(account__lt=until)
    return _write(segment, set(inside.values_list("pk", flat=True)), dict(_open(present)), by, now)


def _open(rows: QuerySet[SegmentMembership]) -> list[tuple[int, int]]:
    return list(rows.values_list("account_id", "pk"))


def _write(
    segment: Segment, inside: Collection[int], present: dict[int, int], by: Viewer, now: datetime
) -> tuple[int, int]:
    """Open rows for who is inside and has none, close those of who is not; ``present`` are open rows by account."""
    entered = sorted(set(inside) - set(present))
    left = sorted(set(present) - set(inside))
    SegmentMembership.objects.bulk_create(
        [SegmentMembership(segment=segment, account_id=pk, entered_at=now) for pk in entered],
        batch_size=BATCH,
    )
    for start in range(0, len(left), BATCH):
        rows = [present[pk] for pk in left[start : start + BATCH]]
        SegmentMembership.objects.filter(pk__in=rows).update(left_at=now)
    _tell(SEGMENT_ENTERED, segment, entered, by)
    _tell(SEGMENT_LEFT, segment, left, by)
    return len(entered), len(left)


def _tell(event: EventType, segment: Segment, accounts: list[int], by: Viewer) -> None:
    for start in range(0, len(accounts), BATCH):
        told = {"segment": segment.name, "accounts": accounts[start : start + BATCH]}
        event.record(by=by, subject_id=segment.pk, detail=told)


@transaction.atomic
def evaluate_accounts(*, account_ids: Collection[int], by: Viewer, now: datetime | None = None) -> int:
    """Look at some accounts again in every segment, after something changed at them. Returns how many rows of the ledger moved.

    Two queries for each segment, whatever the number of accounts (at most ``BATCH`` are sensible).
    """
    now, ids = now or timezone.now(), tuple(sorted(set(account_ids)))
    moved = 0
    # Segments whose definition is new are evaluated as a whole soon.
    for segment in (
        Segment.objects.filter(evaluated_revision=F("revision")).select_for_update().order_by("pk")
    ):
        inside = matching(segment.definition, owner_id=segment.owner_id, now=now, among=ids)
        present = SegmentMembership.objects.filter(segment=segment, left_at=None, account__in=ids)
        came, went = _write(segment, set(inside.values_list("pk", flat=True)), dict(_open(present)), by, now)
        moved += came + went
        if came != went:
            Segment.objects.filter(pk=segment.pk).update(members=F("members") + (came - went))
    return moved
