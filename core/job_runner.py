"""Jobs: long work in leased, resumable slices that a person can watch, cancel and retry."""

import logging
import secrets
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from core import nudge
from core.actors import SYSTEM, Actor
from core.events import JOB_CANCELLED, JOB_ENDED, JOB_RETRIED, JOB_STARTED
from core.models import Job, JobLog
from core.registry import Label, Part, Registry

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
MAX_ATTEMPTS = 3
MAX_KILLS = 6
OPEN = (Job.State.QUEUED, Job.State.RUNNING)


@dataclass(frozen=True)
class Slice:
    """What one slice reached: where the next one starts, how far the job is, and whether it is finished.

    ``again_at`` is for a job that waits for something: the next slice is not due before, and the worker is free meanwhile.
    """

    cursor: Mapping[str, Any]
    done: int
    total: int | None
    finished: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    again_at: datetime | None = None


class JobHandler(Part):
    """Does one kind of job. ``run_slice`` takes under a minute and may be repeated after a kill."""

    label: ClassVar[Label] = ""
    queue: ClassVar[str] = "batch"

    def run_slice(self, job: Job) -> Slice:
        """Do the next piece of work from ``job.cursor``."""
        raise NotImplementedError


job_handlers: Registry[JobHandler] = Registry(JobHandler, "jobs")


def start_job(
    *,
    kind: str,
    key: str,
    by: Actor,
    params: Mapping[str, Any] | None = None,
    requested_by_id: int | None = None,
    not_before: datetime | None = None,
) -> Job:
    """Queue a job; while one with the same kind and key is open, that one is returned. Raises LookupError."""
    handler = job_handlers.get(kind)
    with transaction.atomic():
        job, created = Job.objects.get_or_create(
            kind=kind,
            key=key,
            state__in=OPEN,
            defaults={
                "state": Job.State.QUEUED,
                "params": dict(params or {}),
                "queue": handler.queue,
                "requested_by_id": requested_by_id,
                "not_before": not_before,
            },
        )
        if created:
            JOB_STARTED.record(by=by, subject_id=job.pk, detail={"kind": kind, "key": key})
            nudge.job_after_commit(handler.queue)
    return job


def log_line(job: Job, line: str) -> None:
    """Add a line to the job's log."""
    JobLog.objects.create(job=job, line=line)


@transaction.atomic
def cancel_job(*, job: Job, by: Actor) -> bool:
    """Stop a job before its next slice; returns whether it was still open."""
    cancelled = Job.objects.filter(pk=job.pk, state__in=OPEN).update(
        state=Job.State.CANCELLED, finished_at=timezone.now(), leased_until=None
    )
    if cancelled:
        JOB_CANCELLED.record(by=by, subject_id=job.pk, detail={"kind": job.kind})
    return bool(cancelled)


@transaction.atomic
def retry_job(*, job: Job, by: Actor) -> bool:
    """Queue a failed or cancelled job again from its last cursor.

    Returns False, without a change, for a job in another state and while one of the same kind and key is open.
    """
    if Job.objects.filter(kind=job.kind, key=job.key, state__in=OPEN).exists():
        return False
    again = Job.objects.filter(pk=job.pk, state__in=[Job.State.FAILED, Job.State.CANCELLED]).update(
        state=Job.State.QUEUED, attempts=0, error="", finished_at=None, not_before=None
    )
    if again:
        JOB_RETRIED.record(by=by, subject_id=job.pk, detail={"kind": job.kind})
        nudge.job_after_commit(job.queue)
    return bool(again)


def run_jobs(queue: str, *, budget_seconds: float = 40.0) -> int:
    """Run slices of the due jobs of ``queue`` until the budget is over; returns the number of slices."""
    deadline = time.monotonic() + budget_seconds
    slices = 0
    while time.monotonic() < deadline:
        job = _claim(queue)
        if job is None:
            break
        while time.monotonic() < deadline and _run_slice(job):
            slices += 1
        slices += 1
        Job.objects.filter(pk=job.pk, lease_token=job.lease_token).update(leased_until=None)
    return slices


def keep_lease(job: Job) -> bool:
    """Hold on to a job within a long slice; False when it was cancelled or another worker has it, so that nothing may be stored.

    In a transaction that stores what a slice has reached, no other worker can take the job before the commit.
    """
    mine = Job.objects.filter(pk=job.pk, lease_token=job.lease_token, state=Job.State.RUNNING)
    return bool(mine.update(leased_until=timezone.now() + LEASE))


def _claim(queue: str) -> Job | None:
    """Lease the oldest due job of the queue that nobody holds."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = Q(not_before=None) | Q(not_before__lte=now)
    for job in Job.objects.filter(free, due, queue=queue, state__in=OPEN).order_by("pk")[:5]:
        token = secrets.token_hex(16)
        if job.attempts >= MAX_KILLS:
            _give_up(job)
            continue
        claimed = Job.objects.filter(free, pk=job.pk, state__in=OPEN).update(
            leased_until=now + LEASE,
            lease_token=token,
            state=Job.State.RUNNING,
            started_at=job.started_at or now,
            # A lease that ran out means that the worker died in the slice: that counts, too.
            attempts=F("attempts") + (1 if job.leased_until is not None else 0),
        )
        if claimed:
            job.refresh_from_db()
            return job
    return None


def _give_up(job: Job) -> None:
    """Fail a job whose workers keep dying in the same slice."""
    with transaction.atomic():
        failed = Job.objects.filter(pk=job.pk, state__in=OPEN).update(
            state=Job.State.FAILED,
            error="the worker died in the same slice again and again",
            finished_at=timezone.now(),
            leased_until=None,
        )
        if failed:
            JOB_ENDED.record(by=SYSTEM, subject_id=job.pk, detail={"kind": job.kind, "state": "failed"})


def _run_slice(job: Job) -> bool:
    """Run one slice and store what it reached; returns whether another slice should follow now."""
    mine = Job.objects.filter(pk=job.pk, lease_token=job.lease_token, state=Job.State.RUNNING)
    if not mine.exists():
        return False
    try:
        reached = job_handlers.get(job.kind).run_slice(job)
    except Exception as error:  # noqa: BLE001 - the failure is shown on the job and retried
        _note_failure(job, error)
        return False
    values: dict[str, Any] = {
        "cursor": dict(reached.cursor),
        "done": reached.done,
        "total": reached.total,
        "attempts": 0,
        "leased_until": timezone.now() + LEASE,
        "not_before": reached.again_at,
    }
    if reached.finished:
        values |= {
            "state": Job.State.DONE,
            "result": dict(reached.result),
            "finished_at": timezone.now(),
            "leased_until": None,
        }
    with transaction.atomic():
        stored = mine.update(**values)
        if stored and reached.finished:
            JOB_ENDED.record(by=SYSTEM, subject_id=job.pk, detail={"kind": job.kind, "state": "done"})
    if not stored:
        # Cancelled, or taken over after the lease: the row, and the lease on it, are no longer this worker's.
        return False
    job.refresh_from_db()
    return not reached.finished and reached.again_at is None


def _note_failure(job: Job, error: Exception) -> None:
    """Write the error to the job and its log; the last attempt makes it failed."""
    logger.warning("job %s (%s) failed", job.pk, job.kind, exc_info=error)
    attempts = job.attempts + 1
    last = attempts >= MAX_ATTEMPTS
    with transaction.atomic():
        log_line(job, "".join(traceback.format_exception(error))[-8000:])
        noted = Job.objects.filter(pk=job.pk, lease_token=job.lease_token, state=Job.State.RUNNING).update(
            attempts=attempts,
            error=str(error)[:2000],
            state=Job.State.FAILED if last else Job.State.QUEUED,
            not_before=None if last else timezone.now() + timedelta(seconds=10 * attempts),
            finished_at=timezone.now() if last else None,
            leased_until=None,
        )
        if noted and last:
            JOB_ENDED.record(by=SYSTEM, subject_id=job.pk, detail={"kind": job.kind, "state": "failed"})
