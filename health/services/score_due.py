"""The list of accounts to score again: mark them, score those that are marked."""

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from customers.models import Account
from health.models import ScoreDue
from health.services.score_accounts import score_accounts
from people.viewer import Viewer

BATCH = 200


def mark_score_due(*, account_ids: Iterable[int], reason: str) -> None:
    """Put accounts on the list; those on it move to the present moment. Unknown ids are left out."""
    known = Account.objects.filter(pk__in=set(account_ids)).values_list("pk", flat=True)
    now = timezone.now()
    ScoreDue.objects.bulk_create(
        [ScoreDue(account_id=pk, marked_at=now, reason=reason[:80]) for pk in sorted(known)],
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["marked_at", "reason"],
    )


def score_due_accounts(*, by: Viewer) -> int:
    """Score the 200 accounts that wait longest; returns how many were on the list. A mark set meanwhile stays."""
    marks = list(ScoreDue.objects.order_by("marked_at")[:BATCH])
    if not marks:
        return 0
    score_accounts(account_ids=[mark.account_id for mark in marks], by=by)
    seen = Q(pk__in=[])
    for mark in marks:
        seen |= Q(account_id=mark.account_id, marked_at=mark.marked_at)
    ScoreDue.objects.filter(seen).delete()
    return len(marks)
