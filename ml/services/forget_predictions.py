"""What is forgotten of predictions: of erased subjects at once, of all of them in time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ml.models import AuditItem, DriftWindow, Prediction, ServedCall, ShadowPrediction
from ml.monitoring.windows import TERMS, UNKNOWN_WORDS

# Words of the customer (reasons) and what tells about one input go after half a year; what was answered stays.
DETAIL_DAYS = 180
DRIFT_DAYS = 400
BATCH = 2_000


@transaction.atomic
def forget_subjects(*, subjects: Mapping[str, Collection[int]]) -> int:
    """Empty what tells about erased subjects, ids by kind, and take them out of the audit; labels and probabilities stay.

    The caller has checked that the subjects may be erased. Returns the number of predictions; repeatable.
    """
    wanted = Q(pk__in=[])
    for kind, ids in subjects.items():
        wanted |= Q(subject_kind=kind, subject_id__in=list(ids))
    ShadowPrediction.objects.filter(wanted).delete()
    for pk in Prediction.objects.filter(wanted).values_list("pk", flat=True):
        _forget_terms(DriftWindow.objects.filter(first_prediction__lte=pk, last_prediction__gte=pk))
    AuditItem.objects.filter(wanted, state=AuditItem.State.OPEN).update(state=AuditItem.State.ERASED)
    return Prediction.objects.filter(wanted).update(reasons=[], facts={}, input_digest="")


def _forget_terms(windows: QuerySet[DriftWindow]) -> None:
    """Empty the words of windows: they come from what their subjects wrote."""
    for window in windows.filter(item=UNKNOWN_WORDS):
        if window.shown.get(TERMS):
            window.shown = window.shown | {TERMS: []}
            window.save(update_fields=["shown"])


def forget_old_predictions() -> int:
    """Empty the details of predictions after 180 days, delete shadows and calls of that age, and drift after 400 days."""
    now = timezone.now()
    before = now - timedelta(days=DETAIL_DAYS)
    ShadowPrediction.objects.filter(created_at__lt=before).delete()
    ServedCall.objects.filter(created_at__lt=before).delete()
    _forget_terms(DriftWindow.objects.filter(ends_at__lt=before))
    DriftWindow.objects.filter(ends_at__lt=now - timedelta(days=DRIFT_DAYS)).delete()
    emptied = 0
    while True:
        batch = list(
            Prediction.objects.filter(created_at__lt=before)
            .exclude(reasons=[], facts={}, input_digest="")
            .values_list("pk", flat=True)[:BATCH]
        )
        if not batch:
            return emptied
        emptied += Prediction.objects.filter(pk__in=batch).update(reasons=[], facts={}, input_digest="")
