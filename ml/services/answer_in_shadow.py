"""Ask versions in the shadow about subjects that others have answered: later, in a task of its own, without effect."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db.models import Exists, OuterRef

from ml.models import ModelAlias, Prediction, ShadowPrediction
from ml.registry import ml_tasks
from ml.serving.deadline import within
from ml.serving.loading import load_version

logger = logging.getLogger(__name__)

BATCH = 100
LIMIT_SECONDS = 40.0


def answer_in_shadow() -> int:
    """Answer the newest subjects that a shadow has not seen, a hundred for each; returns how many.

    A shadow that fails is logged and leaves the others alone. Answers about churn rows or texts that are gone are left out.
    """
    answered = 0
    shadows = ModelAlias.objects.filter(name=ModelAlias.Name.SHADOW).select_related("version")
    for alias in shadows.order_by("pk"):
        try:
            answered += _answer(alias)
        except Exception:  # whatever a shadow does, nobody waits for it
            logger.exception("%s failed in the shadow", alias.version.label)
    return answered


def _answer(alias: ModelAlias) -> int:
    version = alias.version
    task = ml_tasks.get(alias.task)
    seen = ShadowPrediction.objects.filter(
        version=version, subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id")
    )
    rows = Prediction.objects.filter(task=alias.task, created_at__gte=alias.changed_at).exclude(Exists(seen))
    kinds = dict(rows.order_by("-pk").values_list("subject_id", "subject_kind")[:BATCH])
    inputs = task.inputs(sorted(kinds))
    if not inputs:
        return 0
    model = load_version(version, seconds=settings.ML_LOAD_SECONDS)
    ids = sorted(inputs)
    started = time.perf_counter()
    values = within(LIMIT_SECONDS, f"shadow:{version.pk}", lambda: model.predict([inputs[pk] for pk in ids]))
    took = 1_000 * (time.perf_counter() - started) / len(ids)
    ShadowPrediction.objects.bulk_create(
        [
            ShadowPrediction(
                task=alias.task,
                subject_kind=kinds[pk],
                subject_id=pk,
                version=version,
                label=str(getattr(value, "label", ""))[:120],
                probability=float(value.probability),
                abstained=bool(getattr(value, "abstained", False)),
                latency_ms=took,
            )
            for pk, value in zip(ids, values, strict=True)
        ],
        ignore_conflicts=True,
    )
    return len(ids)
