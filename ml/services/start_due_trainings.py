"""Start what is due: by new labels, other classes, drift or age. What comes of it is a candidate; people decide the rest."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from ml.models import DriftWindow, Feedback, ModelAlias, ModelVersion, TrainingRun
from ml.quality import classes_to_label
from ml.registry import MLTask, ml_tasks
from ml.services.start_training import start_training
from people.viewer import Viewer

State = TrainingRun.State
Trigger = TrainingRun.Trigger
# After a training that came to nothing, the next one by itself waits so long.
PAUSE = timedelta(days=1)
# Drift and other classes may last whatever a training does; so often they cause another one at most.
PAUSE_OF_THE_SAME = timedelta(days=7)


def start_due_trainings(*, by: Viewer) -> list[TrainingRun]:
    """Queue a training for each task that is due; the first one is for people to start, unless the task ``starts_itself``."""
    started = []
    for task in ml_tasks:
        trigger = due(task)
        if trigger is not None:
            started.append(start_training(task=task.key, trigger=trigger, by=by))
    return started


def due(task: MLTask) -> Trigger | None:
    """Why a task should be trained now, or None."""
    now = timezone.now()
    runs = TrainingRun.objects.filter(task=task.key)
    newest = runs.first()
    done = runs.filter(state=State.DONE, repeats=None).first()
    if newest is not None and (newest.state in TrainingRun.OPEN or newest.created_at > now - PAUSE):
        return None
    labels = Feedback.objects.filter(task=task.key)
    if done is None or newest is None:
        if not task.starts_itself:
            return None
        # What was refused is tried again with more labels.
        if newest is not None:
            is_due = labels.filter(created_at__gt=newest.created_at).count() >= task.retrain_labels
        else:
            is_due = labels.count() >= task.fewest_rows
        return Trigger.LABELS if is_due else None
    lately = set(runs.filter(created_at__gt=now - PAUSE_OF_THE_SAME).values_list("trigger", flat=True))
    new_labels = labels.filter(created_at__gt=done.created_at).count()
    if new_labels >= task.retrain_labels:
        return Trigger.LABELS
    if Trigger.LABEL_SET not in lately and _has_other_labels(task, done):
        return Trigger.LABEL_SET
    if Trigger.DRIFT not in lately and _has_drifted(task, done.created_at):
        return Trigger.DRIFT
    if task.retrain_days is not None and done.created_at < now - timedelta(days=task.retrain_days):
        return Trigger.SCHEDULE
    return None


def _has_other_labels(task: MLTask, done: TrainingRun) -> bool:
    """Whether a class that was learned is in use no more, or a new one has enough examples by now."""
    choices = set(task.choices())
    version = ModelVersion.objects.filter(run=done).first()
    learned = set((version.training or {}).get("classes", ())) if version else set()
    if not choices or not learned:
        return False
    if learned - choices:
        return True
    fresh = classes_to_label(task, version)
    return any(one.rows >= one.needed for one in fresh)


def _has_drifted(task: MLTask, since: datetime) -> bool:
    """Whether an alarm about the version in service lies after the rows that the last training saw."""
    champion = ModelAlias.objects.filter(task=task.key, name=ModelAlias.Name.CHAMPION)
    return DriftWindow.objects.filter(
        version__in=champion.values("version"), verdict=DriftWindow.Verdict.ALARM, starts_at__gt=since
    ).exists()
