"""The list of accounts to score again: mark them, score those that are marked."""

import logging
from collections.abc import Iterable, Sequence

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from customers.models import Account
from health.models import ScoreDue
from health.services.score_accounts import score_accounts
from people.viewer import Viewer

logger = logging.getLogger(__name__)

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
    """Score the 200 accounts that wait longest; returns how many were on the list. A mark set meanwhile stays.

    An account that cannot be scored is logged and leaves the list: it holds nobody else up and is tried again with its
    next change and by the nightly run.
    """
    marks = list(ScoreDue.objects.order_by("marked_at")[:BATCH])
    if not marks:
        return 0
    score_safely(account_ids=[mark.account_id for mark in marks], by=by)
    seen = Q(pk__in=[])
    for mark in marks:
        seen |= Q(account_id=mark.account_id, marked_at=mark.marked_at)
    ScoreDue.objects.filter(seen).delete()
    return len(marks)


def score_safely(*, account_ids: Sequence[int], by: Viewer) -> None:
    """Score the accounts together; when that fails, each half apart, so that the one at fault is found and logged."""
    try:
        score_accounts(account_ids=account_ids, by=by)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("%s accounts cannot be scored together", len(account_ids))
        if len(account_ids) > 1:
            middle = len(account_ids) // 2
            score_safely(account_ids=account_ids[:middle], by=by)
            score_safely(account_ids=account_ids[middle:], by=by)
