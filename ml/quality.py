"""How good models really are, from what people say: accuracy by week from blind audits, confused pairs, what to label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Exists, F, OuterRef

from ml.models import AuditItem, Feedback, ModelVersion, Prediction
from ml.monitoring.estimates import Estimate, audited_accuracy
from ml.registry import MLTask
from people.viewer import Viewer

MOST_QUEUED = 50


@dataclass(frozen=True)
class WeekOfAudits:
    """The audited answers of a week (its Monday) and the accuracy that they speak for."""

    week: date
    estimate: Estimate


@dataclass(frozen=True)
class Confusion:
    """How often people said ``label`` where the model had said ``predicted``."""

    predicted: str
    label: str
    count: int


@dataclass(frozen=True)
class ClassToLabel:
    """A class that the newest version has not learned: how many examples people gave it, and how many it needs."""

    label: str
    rows: int
    needed: int


def classes_to_label(task: MLTask, version: ModelVersion | None) -> list[ClassToLabel]:
    """The classes in use that a version could not learn or did not know, fewest examples first; people and rules choose them.

    Examples are those of its training, or the subjects to which people gave the label since, whichever are more.
    """
    if version is None or not task.fewest_of_a_class:
        return []
    training = version.training or {}
    if "classes" not in training:
        return []
    unknown = [label for label in task.choices() if label not in training["classes"]]
    given = dict(
        Feedback.objects.filter(task=task.key, label__in=unknown)
        .values_list("label")
        .annotate(count=Count("subject_id", distinct=True))
    )
    rows = [
        ClassToLabel(
            label, max(training["too_few"].get(label, 0), given.get(label, 0)), task.fewest_of_a_class
        )
        for label in unknown
    ]
    return sorted(rows, key=lambda one: (one.rows, one.label))


def newest_learned(task: str) -> ModelVersion | None:
    """The version of the newest training that came to an end."""
    return ModelVersion.objects.filter(task=task, run__isnull=False).order_by("-number").first()


def weekly_accuracy(viewer: Viewer, task: str, *, since: date) -> list[WeekOfAudits]:
    """Accuracy by week in which the subjects came in, newest first; weeks without an answered audit are left out."""
    items = AuditItem.objects.visible_to(viewer).filter(
        task=task, state=AuditItem.State.ANSWERED, day__gte=since
    )
    weeks: dict[date, list[tuple[bool, float]]] = defaultdict(list)
    for day, said, label, chance in items.values_list(
        "day", "predicted_label", "label", "inclusion_probability"
    ):
        weeks[day - timedelta(days=day.weekday())].append((said == label, chance))
    return [
        WeekOfAudits(week, estimate)
        for week in sorted(weeks, reverse=True)
        if (estimate := audited_accuracy(weeks[week])) is not None
    ]


def confusions(viewer: Viewer, task: str, *, since: date, most: int = 20) -> list[Confusion]:
    """The pairs that people corrected most often, corrections and audits together."""
    pairs = (
        Feedback.objects.visible_to(viewer)
        .filter(task=task, created_at__date__gte=since)
        .exclude(predicted_label="")
        .exclude(predicted_label=F("label"))
        .values_list("predicted_label", "label")
        .annotate(count=Count("pk"))
        .order_by("-count", "predicted_label", "label")
    )
    return [Confusion(*row) for row in pairs[:most]]


def label_queue(viewer: Viewer, task: str, *, since: date, each: int = 5) -> Sequence[Prediction]:
    """Subjects whose label would teach most: the least sure ones that nobody has judged, at most ``each`` of one label."""
    if not viewer.can("ml.view"):
        return []
    judged = Feedback.objects.filter(
        task=task, subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id")
    )
    rows = Prediction.objects.filter(task=task, created_at__date__gte=since).exclude(Exists(judged))
    taken: dict[str, int] = defaultdict(int)
    queue: list[Prediction] = []
    for row in rows.order_by("probability", "pk")[: 20 * MOST_QUEUED]:
        if taken[row.label] < each and len(queue) < MOST_QUEUED:
            taken[row.label] += 1
            queue.append(row)
    return queue
