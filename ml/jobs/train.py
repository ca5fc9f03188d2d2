"""The job of a training: starts a process for the run and watches it, so that no worker is held up."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from ml.models import TrainingRun
from ml.services.start_training import JOB_KIND, is_alive

LOOK_AGAIN = timedelta(seconds=5)
TO_START = timedelta(minutes=2)
MOST_STARTS = 2
State = TrainingRun.State


class TrainingFailed(RuntimeError):
    """The run ended with an error."""


class Train(JobHandler):
    """A killed process is started once more; a run that fails by itself is not, it would fail again."""

    key = JOB_KIND
    label = _("Train a model")
    queue = "train"

    def run_slice(self, job: Job) -> Slice:
        """Start the process of a queued run, or look how far it is."""
        run = TrainingRun.objects.get(pk=job.params["run"])
        _reap()
        if run.state == State.RUNNING and not is_alive(run):
            return self._lost(job, run)
        if run.state == State.QUEUED:
            return self._start(job, run)
        if run.state == State.RUNNING:
            return _wait(dict(job.cursor))
        if run.state == State.FAILED:
            raise TrainingFailed(run.error)
        return Slice(dict(job.cursor), 1, 1, finished=True, result={"state": run.state, "error": run.error})

    def _start(self, job: Job, run: TrainingRun) -> Slice:
        started_at = job.cursor.get("started_at")
        if started_at and datetime.fromisoformat(started_at) > timezone.now() - TO_START:
            return _wait(dict(job.cursor))
        starts = int(job.cursor.get("starts", 0))
        if starts >= MOST_STARTS:
            TrainingRun.objects.filter(pk=run.pk, state=State.QUEUED).update(
                state=State.FAILED, error="its process did not start", finished_at=timezone.now()
            )
            raise TrainingFailed("the process of the training did not start")
        start_process(run.pk)
        return _wait({"starts": starts + 1, "started_at": timezone.now().isoformat()})

    def _lost(self, job: Job, run: TrainingRun) -> Slice:
        """Queue a run whose process was killed again, or give it up."""
        starts = int(job.cursor.get("starts", 0))
        again = starts < MOST_STARTS
        TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING, process=run.process).update(
            state=State.QUEUED if again else State.FAILED,
            process="",
            error="its process was killed",
            finished_at=None if again else timezone.now(),
        )
        return _wait({"starts": starts})


def _wait(cursor: dict[str, object]) -> Slice:
    return Slice(cursor, 0, None, finished=False, again_at=timezone.now() + LOOK_AGAIN)


_children: list[subprocess.Popen[bytes]] = []


def start_process(run_id: int) -> None:
    """Start ``manage.py carry_out_run`` apart from the worker: a restart of the worker does not end it."""
    quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    _children.append(
        subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "carry_out_run", str(run_id)],
            stdin=subprocess.DEVNULL,
            env=os.environ | quiet,
            start_new_session=True,
        )
    )


def _reap() -> None:
    """Let ended children go, so that their numbers do not look alive."""
    _children[:] = [child for child in _children if child.poll() is None]
