"""Draw the subjects that people label blindly: some of every day, half of them from the answers the model was least sure of."""

from __future__ import annotations

import math
import random
from datetime import date

from django.db import transaction

from ml.models import AuditItem, Prediction
from ml.registry import ml_tasks

Stratum = AuditItem.Stratum


def draw_audit_sample(*, task: str, day: date, count: int | None = None) -> int:
    """Put a sample of a day's predictions (UTC) into the queue, a seventh of ``audits_per_week``; returns how many.

    A day is drawn once: a repetition finds its items. Which ones are drawn depends on task and day alone.
    """
    wanted = count if count is not None else math.ceil(ml_tasks.get(task).audits_per_week / 7)
    if wanted < 1:
        return 0
    with transaction.atomic():
        if AuditItem.objects.filter(task=task, day=day).exists():
            return 0
        drawn = AuditItem.objects.filter(task=task)
        rows = list(
            Prediction.objects.filter(task=task, created_at__date=day)
            .exclude(subject_id__in=drawn.values("subject_id"))
            .order_by("probability", "pk")
            .values("subject_kind", "subject_id", "version_id", "label", "probability")
        )
        third = len(rows) // 3
        strata = {Stratum.UNSURE: rows[:third], Stratum.SURE: rows[third:]}
        unsure = min(third, wanted // 2)
        counts = {Stratum.UNSURE: unsure, Stratum.SURE: min(len(rows) - third, wanted - unsure)}
        chance = random.Random(f"{task}:{day.isoformat()}")  # noqa: S311 - a sample, not a secret
        items = [
            AuditItem(
                task=task,
                subject_kind=row["subject_kind"],
                subject_id=row["subject_id"],
                version_id=row["version_id"],
                predicted_label=row["label"],
                stratum=stratum,
                inclusion_probability=counts[stratum] / len(members),
                day=day,
            )
            for stratum, members in strata.items()
            for row in chance.sample(members, counts[stratum])
        ]
        # In one order for all: who labels must not see from the place in the queue how sure the model was.
        chance.shuffle(items)
        AuditItem.objects.bulk_create(items, ignore_conflicts=True)
    return len(items)
