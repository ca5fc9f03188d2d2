"""Store what a model (or a fallback) said about subjects: exactly one row per task and subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ml.models import ModelVersion, Prediction


@dataclass(frozen=True)
class SubjectPrediction:
    """One subject's answer as stored; ``input_text`` is only digested, never kept."""

    subject_id: int
    label: str
    probability: float
    abstained: bool = False
    alternatives: Sequence[Any] = field(default_factory=tuple)
    reasons: Sequence[Any] = field(default_factory=tuple)
    input_text: str = ""


def record_predictions(
    *,
    task: str,
    subject_kind: str,
    predictions: Sequence[SubjectPrediction],
    version: ModelVersion | None,
    source: str,
) -> None:
    """Insert the rows; a repeated subject gets its row replaced, so that a replay stores the same thing once.

    ``source`` says what answered: ``version.label``, ``"cold-start"``, an adapter's version. Telemetry: no event.
    """
    rows = [
        Prediction(
            task=task,
            subject_kind=subject_kind,
            subject_id=prediction.subject_id,
            version=version,
            source=source,
            label=prediction.label[:120],
            probability=prediction.probability,
            abstained=prediction.abstained,
            alternatives=list(prediction.alternatives),
            reasons=list(prediction.reasons),
            input_digest=hashlib.sha256(prediction.input_text.encode("utf-8", "replace")).hexdigest(),
        )
        for prediction in predictions
    ]
    Prediction.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["task", "subject_kind", "subject_id"],
        update_fields=[
            "version",
            "source",
            "label",
            "probability",
            "abstained",
            "alternatives",
            "reasons",
            "input_digest",
        ],
    )
