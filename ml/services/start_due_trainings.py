"""Start what is due: by age, or by enough new labels. What comes of it is a candidate; people decide the rest."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from ml.models import Feedback, TrainingRun
from ml.registry import MLTask, ml_tasks
from ml.services.start_training import start_training
from people.viewer import Viewer

State = TrainingRun.State
Trigger = TrainingRun.Trigger
# After a training that came to nothing, the next one by itself waits so long.
PAUSE = timedelta(days=1)


def start_due_trainings(*, by: Viewer) -> list[TrainingRun]:
    """Queue a training for each task that is due and has been trained before; the first one is for people to start."""
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
    if newest is None or done is None or newest.state in TrainingRun.OPEN or newest.created_at > now - PAUSE:
        return None
    new_labels = Feedback.objects.filter(task=task.key, created_at__gt=done.created_at).count()
    if new_labels >= task.retrain_labels:
        return Trigger.LABELS
    if task.retrain_days is not None and done.created_at < now - timedelta(days=task.retrain_days):
        return Trigger.SCHEDULE
    return None
