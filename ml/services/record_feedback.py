"""Store a true label for a subject: a correction or confirmation by a person, or the final state of the subject."""

from __future__ import annotations

from ml.models import Feedback, Prediction
from people.viewer import Viewer


def record_feedback(
    *,
    task: str,
    subject_kind: str,
    subject_id: int,
    label: str,
    source: Feedback.Source,
    by: Viewer,
    inclusion_probability: float | None = None,
    predicted: str = "",
) -> Feedback:
    """One row beside the prediction it answers, if there is one; these rows are labels of the next training.

    ``predicted`` is the answer that is meant, of a model whose answers are not stored as predictions or are several at once.
    The caller has checked that ``by`` may change the subject and records its own event.
    """
    prediction = Prediction.objects.filter(
        task=task, subject_kind=subject_kind, subject_id=subject_id
    ).first()
    return Feedback.objects.create(
        task=task,
        subject_kind=subject_kind,
        subject_id=subject_id,
        prediction=prediction,
        version_id=prediction.version_id if prediction else None,
        predicted_label=predicted or (prediction.label if prediction else ""),
        label=label[:120],
        source=source,
        inclusion_probability=inclusion_probability,
        user_id=by.user_id,
    )
