"""Celery entries of health."""

import time

from celery import shared_task
from django.utils import timezone

from core.job_runner import start_job
from core.models import Job
from health.services.override_score import expire_overrides
from health.services.score_due import score_due_accounts as score_due
from people.viewer import system_viewer

BUDGET_SECONDS = 40.0
#: Jobs of every day, in their order.
DAILY = ("health.rescore_all", "health.measure_bands")


@shared_task(name="health.score_due_accounts")
def score_due_accounts() -> None:
    """Close overrides that ran out and score marked accounts; start the day's jobs when there were none."""
    deadline = time.monotonic() + BUDGET_SECONDS
    by = system_viewer("task")
    today = timezone.now().date().isoformat()
    for kind in DAILY:
        if not Job.objects.filter(kind=kind, key=today).exists():
            start_job(kind=kind, key=today, by=by)
    expire_overrides()
    while score_due(by=by) and time.monotonic() < deadline:
        pass
