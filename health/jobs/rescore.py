"""The nightly job: every account is scored again, because time alone moves freshness, renewals and cohorts.

The work is split into ranges of account ids, each a job of its own, so that several workers take them at the same time. A range
says how far it has come; a killed worker repeats one slice of one range, and a score that is written twice is written once.
"""

from datetime import timedelta
from itertools import islice
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice, log_line, start_job
from core.models import Job
from customers.models import Account
from health.services.score_due import score_due_accounts, score_safely
from people.viewer import system_viewer

#: Accounts of a slice: their facts lie in memory at the same time.
BATCH = 1000
#: Accounts of a range, and how many ranges there are at most.
RANGE = 4000
MOST_RANGES = 200
LOOK_AGAIN = timedelta(seconds=3)


class RescoreAll(JobHandler):
    """Splits all customers into ranges and waits for them."""

    key = "health.rescore_all"
    label = _("Score all customers")

    def run_slice(self, job: Job) -> Slice:
        """Split once; then say how far the ranges are."""
        keys = job.cursor.get("ranges")
        if keys is None:
            keys, total = _split(job)
            return Slice({"ranges": keys, "total": total}, 0, total, finished=not keys, result={"scored": 0})
        ranges = Job.objects.filter(kind=RescoreRange.key, key__in=keys)
        done = ranges.aggregate(done=Sum("done"))["done"] or 0
        waiting = ranges.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).exists()
        failed = ranges.filter(state__in=[Job.State.FAILED, Job.State.CANCELLED]).count()
        if failed and not waiting:
            log_line(job, f"{failed} ranges were not finished")
        return Slice(
            cursor=job.cursor,
            done=done,
            total=job.cursor["total"],
            finished=not waiting,
            result={"scored": done, **({"unfinished_ranges": failed} if failed else {})},
            again_at=timezone.now() + LOOK_AGAIN if waiting else None,
        )


def _split(job: Job) -> tuple[list[str], int]:
    """Start the ranges that were not started yet; a split that is repeated after a kill starts none twice."""
    living = Account.objects.filter(churned_on=None).order_by("pk")
    total = living.count()
    size = max(RANGE, -(-total // MOST_RANGES))
    ids = iter(living.values_list("pk", flat=True).iterator(chunk_size=20_000))
    keys = []
    while part := list(islice(ids, size)):
        key = f"{job.key}:{part[0]}-{part[-1]}"
        if not Job.objects.filter(kind=RescoreRange.key, key=key).exists():
            start_job(
                kind=RescoreRange.key,
                key=key,
                by=system_viewer("task"),
                params={"first": part[0], "last": part[-1], "total": len(part)},
            )
        keys.append(key)
    return keys, total


class RescoreRange(JobHandler):
    """Scores the customers of a range of ids, 1,000 at a time; what an event has moved meanwhile goes first."""

    key = "health.rescore_range"
    label = _("Score a part of the customers")

    def run_slice(self, job: Job) -> Slice:
        """Score the next accounts of the range."""
        by = system_viewer("task")
        score_due_accounts(by=by)
        after = int(job.cursor.get("after", job.params["first"] - 1))
        living = Account.objects.filter(churned_on=None, pk__gt=after, pk__lte=job.params["last"])
        ids = list(living.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            score_safely(account_ids=ids, by=by)
        done = job.done + len(ids)
        result: dict[str, Any] = {"scored": done}
        cursor = {"after": ids[-1] if ids else job.params["last"]}
        finished = len(ids) < BATCH
        if finished:
            # The whole need not wait for its next look.
            whole = Job.objects.filter(kind=RescoreAll.key, key=job.key.rpartition(":")[0])
            whole.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).update(not_before=None)
        return Slice(cursor, done, max(done, job.params["total"]), finished=finished, result=result)
