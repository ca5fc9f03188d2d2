"""What a version in the shadow says beside the one in service, about the same subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from ml.evaluation.paired import mcnemar
from ml.models import Feedback, ModelAlias, ModelVersion, Prediction, ShadowPrediction
from ml.monitoring.estimates import wilson
from people.viewer import Viewer

WEEKS = timedelta(weeks=4)
MOST_LABELS = 5_000
MOST_PAIRS = 8
# Given without regard to what the one in service had said; a correction or confirmation always is about its answer.
BLIND = (Feedback.Source.BLIND_AUDIT, Feedback.Source.QA)


@dataclass(frozen=True)
class Disagreement:
    """A subject about which the two say different things; ``truth`` is "" while nobody has labelled it."""

    subject_id: int
    live: str
    shadow: str
    live_probability: float
    shadow_probability: float
    truth: str = ""


@dataclass(frozen=True)
class ShadowComparison:
    """Four weeks of answers of both about the same ``rows`` subjects.

    ``low`` to ``high`` is the 90 % interval of ``agreement``. ``labelled`` subjects have a blind label: on ``won`` of them the
    shadow alone was right, on ``lost`` the one in service alone, and ``p_value`` is McNemar's for the shadow being better.
    """

    shadow: ModelVersion
    live: ModelVersion | None
    rows: int
    agree: int
    agreement: float
    low: float
    high: float
    labelled: int
    won: int
    lost: int
    p_value: float | None
    pairs: Sequence[tuple[str, str, int]]
    disagreements: Sequence[Disagreement]


def compare_shadow(viewer: Viewer, task: str, *, most: int = 50) -> ShadowComparison | None:
    """Compare the shadow of a task with what answered its subjects; None without one. Constant number of queries.

    Without a champion the answers of the task's own rules count. ``disagreements`` are the newest ``most``; they name subjects by
    id only. Raises PermissionDenied without ``ml.view``.
    """
    viewer.require("ml.view")
    aliases = {
        alias.name: alias.version for alias in ModelAlias.objects.filter(task=task).select_related("version")
    }
    shadow, live = aliases.get(ModelAlias.Name.SHADOW), aliases.get(ModelAlias.Name.CHAMPION)
    if shadow is None:
        return None
    both = _both(task, shadow, live)
    rows = both.count()
    differ = both.exclude(label=F("said"))
    differing = list(differ.order_by("-pk")[:most])
    disagree = differ.count() if rows else 0
    agreement = 1 - disagree / rows if rows else 0.0
    low, high = wilson(agreement, rows) if rows else (0.0, 1.0)
    truths = _truths(task, both)
    told = {
        subject: (said, label)
        for subject, said, label in both.filter(subject_id__in=list(truths)).values_list(
            "subject_id", "said", "label"
        )
    }
    won = sum(label == truths[pk] != said for pk, (said, label) in told.items())
    lost = sum(said == truths[pk] != label for pk, (said, label) in told.items())
    pairs = (
        differ.order_by()
        .values_list("said", "label")
        .annotate(count=Count("pk"))
        .order_by("-count", "said", "label")
    )
    return ShadowComparison(
        shadow=shadow,
        live=live,
        rows=rows,
        agree=rows - disagree,
        agreement=agreement,
        low=low,
        high=high,
        labelled=len(told),
        won=won,
        lost=lost,
        p_value=mcnemar(won, lost) if told else None,
        pairs=list(pairs[:MOST_PAIRS]),
        disagreements=[
            Disagreement(
                row.subject_id,
                row.said,
                row.label,
                row.said_probability,
                row.probability,
                truths.get(row.subject_id, ""),
            )
            for row in differing
        ],
    )


def _both(task: str, shadow: ModelVersion, live: ModelVersion | None) -> QuerySet[Any]:
    """The shadow's answers beside those of the one in service: ``said``, ``said_probability``."""
    answered = Prediction.objects.filter(
        task=task, subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id"), version=live
    )
    return (
        ShadowPrediction.objects.filter(version=shadow, created_at__gt=timezone.now() - WEEKS)
        .annotate(
            said=Subquery(answered.values("label")[:1]),
            said_probability=Subquery(answered.values("probability")[:1]),
        )
        .exclude(said=None)
    )


def _truths(task: str, both: QuerySet[Any]) -> dict[int, str]:
    """The last blind label of each subject that both have answered."""
    labels = Feedback.objects.filter(task=task, source__in=BLIND, subject_id__in=both.values("subject_id"))
    newest = labels.order_by("-pk").values_list("subject_id", "label")[:MOST_LABELS]
    found: dict[int, str] = {}
    for subject, label in newest:
        found.setdefault(subject, label)
    return found
