"""``manage.py carry_out_run``: the process of one training, started by its job."""

from __future__ import annotations

import _thread
import os
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from core.job_runner import OPEN
from core.models import Job
from ml.models import TrainingRun
from ml.services.carry_out_run import carry_out_run
from ml.services.start_training import JOB_KIND
from people.viewer import system_viewer

BEAT_SECONDS = 5.0


class Command(BaseCommand):
    """Says every few seconds that it lives, and stops when its job is cancelled."""

    help = "Carry out a queued training in this process (started by its job)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        if hasattr(os, "nice"):
            os.nice(10)  # tickets wait for nobody
        threading.Thread(target=_beat, args=[options["run"]], daemon=True).start()
        run = carry_out_run(run_id=options["run"], by=system_viewer("task"), report=self.stderr.write)
        self.stdout.write(f"{run} {run.state} {run.error}".rstrip())


def _beat(run_id: int) -> None:
    """Write signs of life; interrupt the training when nobody waits for it any more."""
    while True:
        time.sleep(BEAT_SECONDS)
        close_old_connections()
        try:
            running = TrainingRun.objects.filter(pk=run_id, state=TrainingRun.State.RUNNING)
            running.update(beat_at=timezone.now())
            jobs = Job.objects.filter(kind=JOB_KIND, key=str(run_id))
            waited_for = not jobs.exists() or jobs.filter(state__in=OPEN).exists()
        except DatabaseError:
            continue  # a locked or restarting database: the next beat tells
        if not waited_for:
            connection.close()
            _thread.interrupt_main()
            return
