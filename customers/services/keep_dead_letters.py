"""Count items of product usage by outcome, and keep the rejected ones until they pass or are given up."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from core.any_of import AnyOf
from customers.domains import normalise_address
from customers.models import UsageDeadLetter, UsageIntake
from customers.usage_items import MAX_TEXT, Verdict, as_text

KEPT = timedelta(days=30)
# Of an item that is too large: enough to see what it is.
EXCERPT = 2000
PASSED, DROPPED = "passed", "dropped"
MERGED_AT_ONCE = 20_000
DELETED_AT_ONCE = 5000


def keep_letters(
    *, source: str, rejected: Sequence[tuple[Any, Verdict]], received_at: datetime, skew: timedelta
) -> None:
    """Keep rejected items exactly as they came, each with its reason, in the caller's transaction."""
    if rejected:
        UsageDeadLetter.objects.bulk_create(
            [_letter(source, item, verdict, received_at, skew) for item, verdict in rejected], batch_size=500
        )


def _letter(
    source: str, item: Any, verdict: Verdict, received_at: datetime, skew: timedelta
) -> UsageDeadLetter:
    text = as_text(item)
    is_whole = bool(text) and verdict.reason != "too_large"
    named = item if isinstance(item, dict) else {}
    properties = named.get("traits") or named.get("properties")
    email = properties.get("email") if isinstance(properties, dict) else ""
    return UsageDeadLetter(
        source=source,
        message_id=verdict.message_id,
        reason=verdict.reason,
        item=text if is_whole else text[:EXCERPT],
        is_whole=is_whole,
        user_key=_word(named.get("userId") or named.get("anonymousId"))[:MAX_TEXT],
        email=normalise_address(_word(email))[:254],
        group=_word(named.get("groupId"))[:MAX_TEXT],
        skew_seconds=skew.total_seconds(),
        received_at=received_at,
        tried_at=received_at,
    )


def _word(value: Any) -> str:
    """A name as a column holds it; what is neither a text nor a number is none."""
    if not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")


def letters_passed(*, source: str, message_ids: Collection[str]) -> None:
    """Forget the letters of items that have come again and were taken, in the caller's transaction."""
    if not message_ids:
        return
    letters = UsageDeadLetter.objects.filter(AnyOf("message_id", message_ids), source=source)
    # Locked, so that of two batches that settle a letter one counts it.
    if rows := list(letters.select_for_update().order_by("pk").values_list("pk", "received_at")):
        forget_letters(source=source, letters=rows, outcome=PASSED)


def forget_letters(*, source: str, letters: Sequence[tuple[int, datetime]], outcome: str) -> None:
    """Delete letters given as (id, received at) and count what became of them on the days they came."""
    deleted, _by_model = UsageDeadLetter.objects.filter(AnyOf("pk", [pk for pk, _at in letters])).delete()
    if not deleted:
        return
    days = Counter(received_at.astimezone(UTC).date() for _pk, received_at in letters)
    for day, number in days.items():
        count_items(source=source, day=day, outcomes={outcome: number})


def count_items(*, source: str, day: date, outcomes: Mapping[str, int]) -> None:
    """Add to the counters of a day: rows of one's own, so that batches do not wait for each other."""
    UsageIntake.objects.bulk_create(
        [
            UsageIntake(day=day, source=source, outcome=outcome, items=number)
            for outcome, number in outcomes.items()
        ]
    )


@transaction.atomic
def merge_counters() -> int:
    """Put the counters of each day, source and outcome into one row; returns how many rows went."""
    rows = UsageIntake.objects.order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    found = list(rows[:MERGED_AT_ONCE])
    sums: Counter[tuple[date, str, str]] = Counter()
    for row in found:
        sums[row.day, row.source, row.outcome] += row.items
    if len(sums) == len(found):
        return 0
    UsageIntake.objects.filter(AnyOf("pk", [row.pk for row in found])).delete()
    UsageIntake.objects.bulk_create(
        [
            UsageIntake(day=day, source=source, outcome=outcome, items=number)
            for (day, source, outcome), number in sums.items()
        ]
    )
    return len(found) - len(sums)


@transaction.atomic
def forget_old_letters() -> int:
    """Give letters up that are KEPT old, at most DELETED_AT_ONCE; returns how many."""
    old = UsageDeadLetter.objects.filter(received_at__lt=timezone.now() - KEPT).order_by("pk")
    rows = list(old.select_for_update().values_list("source", "pk", "received_at")[:DELETED_AT_ONCE])
    for source in {row[0] for row in rows}:
        letters = [(pk, at) for one, pk, at in rows if one == source]
        forget_letters(source=source, letters=letters, outcome=DROPPED)
    return len(rows)


def waiting_letters() -> int:
    """Return how many rejected items the counters say are waiting: must equal the letters that there are."""
    total = UsageIntake.objects.exclude(outcome__in=["accepted", "duplicate"])
    sums = dict(total.values_list("outcome").annotate(number=Sum("items")))
    settled = (sums.pop(PASSED, 0) or 0) + (sums.pop(DROPPED, 0) or 0)
    return sum(sums.values()) - settled
