"""Ask for a training: one run is open per task; a job of the queue ``train`` carries it out in a process of its own."""

from __future__ import annotations

import os
import platform
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import OPEN, start_job
from core.models import Job
from ml.events import TRAINING_STARTED
from ml.models import TrainingRun
from ml.registry import ml_tasks
from people.viewer import Viewer

JOB_KIND = "ml.train"
# A run on another machine that has said nothing for so long is over.
SILENCE = timedelta(hours=1)
# The process that a job started here says every few seconds that it lives.
SILENCE_HERE = timedelta(minutes=10)


def start_training(*, task: str, trigger: TrainingRun.Trigger, by: Viewer) -> TrainingRun:
    """Queue a training of a task from the rows as they are when it begins; an open one is returned as it is.

    Raises PermissionDenied without ``ml.manage`` and LookupError for an unknown task.
    """
    by.require("ml.manage")
    return _queue(TrainingRun(task=task, trigger=trigger, params=dict(ml_tasks.get(task).params)), by)


def repeat_training(*, run: TrainingRun, by: Viewer) -> TrainingRun:
    """Queue the same training again: same rows, parameters and seed; it says whether the same content came of it."""
    by.require("ml.manage")
    if run.state != TrainingRun.State.DONE:
        raise ValidationError(_("Only a finished training can be repeated."))
    again = TrainingRun(
        task=run.task,
        trigger=TrainingRun.Trigger.RERUN,
        snapshot=run.snapshot,
        params=run.params,
        seed=run.seed,
        repeats=run.repeats or run,
    )
    return _queue(again, by)


def _queue(run: TrainingRun, by: Viewer) -> TrainingRun:
    with transaction.atomic():
        run, created = open_run(run, by)
        if created:
            start_job(
                kind=JOB_KIND, key=str(run.pk), by=by, params={"run": run.pk}, requested_by_id=by.user_id
            )
    return run


def open_run(run: TrainingRun, by: Viewer) -> tuple[TrainingRun, bool]:
    """Store a new run unless one of its task is open; returns the open one and whether it is new. Starts no job."""
    close_abandoned_runs(task=run.task)
    values = {
        "trigger": run.trigger,
        "params": run.params,
        "seed": run.seed,
        "snapshot": run.snapshot,
        "repeats": run.repeats,
        "requested_by_id": by.user_id,
    }
    with transaction.atomic():
        stored, created = TrainingRun.objects.get_or_create(
            task=run.task, state__in=TrainingRun.OPEN, defaults=values | {"state": TrainingRun.State.QUEUED}
        )
        if created:
            TRAINING_STARTED.record(
                by=by, subject_id=stored.pk, detail={"task": stored.task, "trigger": stored.trigger}
            )
    return stored, created


def close_abandoned_runs(*, task: str = "") -> int:
    """End open runs that nobody works on any more: their job was cancelled or their process is gone."""
    open_runs = TrainingRun.objects.filter(Q(task=task) if task else Q(), state__in=TrainingRun.OPEN)
    closed = 0
    for run in open_runs:
        jobs = Job.objects.filter(kind=JOB_KIND, key=str(run.pk))
        if jobs.filter(state__in=OPEN).exists() or (run.process and is_alive(run)):
            continue
        if not run.process and not jobs.exists() and run.created_at > timezone.now() - SILENCE:
            continue  # a command has just opened it
        cancelled = jobs.filter(state=Job.State.CANCELLED).exists()
        closed += TrainingRun.objects.filter(pk=run.pk, state=run.state).update(
            state=TrainingRun.State.CANCELLED if cancelled else TrainingRun.State.FAILED,
            error="" if cancelled else "its process ended without a word",
            finished_at=timezone.now(),
        )
    return closed


def this_process() -> str:
    """How a run names the process that works on it."""
    return f"{platform.node()}:{os.getpid()}"


def is_alive(run: TrainingRun) -> bool:
    """Whether the process of a running run is there: by its last sign of life, and on this machine by its number, too.

    The number alone says little: after a restart of the machine it may be another process's.
    """
    host, _colon, number = run.process.rpartition(":")
    here = host == platform.node()
    beats = here and Job.objects.filter(kind=JOB_KIND, key=str(run.pk)).exists()
    if run.beat_at is None or run.beat_at < timezone.now() - (SILENCE_HERE if beats else SILENCE):
        return False
    if not here:
        return True
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
