"""Store what a model (or a fallback) said about subjects: exactly one row per task and subject."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml.models import Prediction
from ml.serving.answers import Served


@dataclass(frozen=True)
class SubjectPrediction:
    """One subject's answer as stored; ``input_text`` is only digested, never kept.

    ``mode`` is what was done with it, where the model did not abstain. ``facts`` tell about the input without quoting it (its
    channel, length, share of unknown words): drift is watched by them.
    """

    subject_id: int
    label: str
    probability: float
    abstained: bool = False
    mode: str = ""
    alternatives: Sequence[Any] = field(default_factory=tuple)
    reasons: Sequence[Any] = field(default_factory=tuple)
    input_text: str = ""
    facts: Mapping[str, float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """Answers of one task; ``served`` says what gave them: a version, ``"cold-start"``, an adapter."""

    task: str
    subject_kind: str
    predictions: Sequence[SubjectPrediction]
    served: Served


def record_predictions(
    *,
    task: str,
    subject_kind: str,
    predictions: Sequence[SubjectPrediction],
    served: Served,
) -> None:
    """``record_answers`` for one task."""
    record_answers([Answered(task, subject_kind, predictions, served)])


def record_answers(answered: Iterable[Answered]) -> None:
    """Insert all the rows at once; a repeated subject gets its row replaced, so that a replay stores the same thing once.

    Telemetry: no event.
    """
    rows = [_row(one, prediction) for one in answered for prediction in one.predictions]
    Prediction.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["task", "subject_kind", "subject_id"],
        update_fields=[
            "version",
            "role",
            "source",
            "latency_ms",
            "failure",
            "failed_version",
            "facts",
            "label",
            "probability",
            "abstained",
            "mode",
            "alternatives",
            "reasons",
            "input_digest",
        ],
    )


def _row(answered: Answered, prediction: SubjectPrediction) -> Prediction:
    served = answered.served
    return Prediction(
        task=answered.task,
        subject_kind=answered.subject_kind,
        subject_id=prediction.subject_id,
        version=served.version,
        role=served.role,
        source=served.source[:64],
        latency_ms=served.latency_ms,
        failure=served.failure,
        failed_version=served.failed_version,
        facts=dict(prediction.facts),
        label=prediction.label[:120],
        probability=prediction.probability,
        abstained=prediction.abstained,
        mode=prediction.mode,
        alternatives=list(prediction.alternatives),
        reasons=list(prediction.reasons),
        input_digest=hashlib.sha256(prediction.input_text.encode("utf-8", "replace")).hexdigest(),
    )
