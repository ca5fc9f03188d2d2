"""Recompute the daily usage of the account-days that events have touched."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from customers.events import USAGE_ROLLED_UP
from customers.models import Contact, DirtyUsageDay, UsageDaily, UsageDailyRevision, UsageEvent
from people.viewer import Viewer

BATCH = 400
KEPT = timedelta(days=91)
DELETED_AT_ONCE = 5000

Figures = tuple[int, int]
Key = tuple[int, date, str]


def roll_up_usage(*, by: Viewer, batch: int = BATCH) -> int:
    """Roll up to ``batch`` dirty account-days up in one transaction; returns how many were done (0: nothing waits).

    Figures come from all raw events of the day: the account's total under the empty feature, and one row per event name.
    A row never goes down: imported days have no raw events. Rows that keep their value keep their ``recorded_at``; the
    former value of a day that is over goes to the revisions.
    """
    by.require("usage.write")
    with transaction.atomic():
        # The lock makes an ingest that marks the same day wait, so its mark cannot be deleted unseen.
        marks = list(DirtyUsageDay.objects.select_for_update().order_by("marked_at", "pk")[:batch])
        if not marks:
            return 0
        now = timezone.now()
        pairs = {(mark.account_id, mark.day) for mark in marks}
        changed = _write(_figures(pairs), pairs, now)
        _note_last_seen(pairs)
        DirtyUsageDay.objects.filter(pk__in=[mark.pk for mark in marks]).delete()
        if changed:
            USAGE_ROLLED_UP.record(
                by=by, subject_id=max(changed), detail={"accounts": sorted(changed), "days": len(pairs)}
            )
    return len(marks)


def forget_old_usage() -> int:
    """Delete raw events whose day can no longer be rolled up again; at most DELETED_AT_ONCE; returns how many."""
    oldest = list(UsageEvent.objects.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE])
    deleted, _by_model = UsageEvent.objects.filter(
        pk__in=oldest, occurred_at__lt=timezone.now() - KEPT, received_at__lt=timezone.now() - KEPT
    ).delete()
    return deleted


def _span(pairs: Collection[tuple[int, date]]) -> Q:
    """The raw events that may belong to the pairs."""
    days = [day for _, day in pairs]
    start = datetime.combine(min(days), time(0), UTC)
    end = datetime.combine(max(days) + timedelta(days=1), time(0), UTC)
    return Q(
        account_id__in={account_id for account_id, _ in pairs}, occurred_at__gte=start, occurred_at__lt=end
    )


def _figures(pairs: Collection[tuple[int, date]]) -> dict[Key, Figures]:
    """Count events and distinct users per account, day and feature, and per account and day: two queries."""
    events = (
        UsageEvent.objects.filter(_span(pairs), kind="track")
        .annotate(day=TruncDate("occurred_at", tzinfo=UTC))
        .filter(day__in={day for _, day in pairs})
        .order_by()
    )
    users = Count("user_key", distinct=True, filter=~Q(user_key=""))
    found: dict[Key, Figures] = {}
    totals = events.values_list("account_id", "day").annotate(number=Count("pk"), people=users)
    for account_id, day, count, people in totals:
        found[account_id, day, ""] = (count, people)
    features = events.values_list("account_id", "day", "name").annotate(number=Count("pk"), people=users)
    for account_id, day, name, count, people in features:
        found[account_id, day, name] = (count, people)
    return {key: value for key, value in found.items() if key[:2] in pairs}


def _write(figures: dict[Key, Figures], pairs: Collection[tuple[int, date]], now: datetime) -> set[int]:
    """Upsert the rows that differ; returns the accounts concerned."""
    stored = {
        (row.account_id, row.day, row.feature): row
        for row in UsageDaily.objects.filter(
            account_id__in={account_id for account_id, _ in pairs}, day__in={day for _, day in pairs}
        )
        if (row.account_id, row.day) in pairs
    }
    different = {}
    for key, (events, users) in figures.items():
        row = stored.get(key)
        # Raw events only accumulate, so a lower figure means that the row came from an import: it is not lowered.
        best = (events, users) if row is None else (max(events, row.events), max(users, row.users))
        if row is None or best != (row.events, row.users):
            different[key] = best
    today = now.astimezone(UTC).date()
    UsageDailyRevision.objects.bulk_create(
        [
            UsageDailyRevision(
                account_id=row.account_id,
                day=row.day,
                feature=row.feature,
                events=row.events,
                users=row.users,
                recorded_at=row.recorded_at,
                superseded_at=now,
            )
            for key, row in stored.items()
            if key in different and row.day < today
        ]
    )
    UsageDaily.objects.bulk_create(
        [
            UsageDaily(
                account_id=account_id, day=day, feature=feature, events=events, users=users, recorded_at=now
            )
            for (account_id, day, feature), (events, users) in different.items()
        ],
        update_conflicts=True,
        unique_fields=["account", "day", "feature"],
        update_fields=["events", "users", "recorded_at"],
    )
    return {key[0] for key in different}


def _note_last_seen(pairs: Collection[tuple[int, date]]) -> None:
    """Move ``last_seen_at`` of the contacts who were active forward."""
    seen = dict(
        UsageEvent.objects.filter(_span(pairs), contact__isnull=False)
        .order_by()
        .values_list("contact")
        .annotate(last=Max("occurred_at"))
    )
    contacts = list(Contact.objects.filter(pk__in=seen).only("pk", "last_seen_at"))
    moved = []
    for contact in contacts:
        if contact.last_seen_at is None or contact.last_seen_at < seen[contact.pk]:
            contact.last_seen_at = seen[contact.pk]
            moved.append(contact)
    Contact.objects.bulk_update(moved, ["last_seen_at"], batch_size=400)
