"""Jobs resume after a kill, fail visibly and can be retried."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from core.actors import SYSTEM
from core.job_runner import (
    MAX_ATTEMPTS,
    MAX_KILLS,
    JobHandler,
    Slice,
    cancel_job,
    job_handlers,
    retry_job,
    run_jobs,
    start_job,
)
from core.models import Event, Job

pytestmark = pytest.mark.django_db


class Counting(JobHandler):
    """Counts to ``params["to"]``, two a slice; may raise or die at a number."""

    key = "test.count"
    label = "Counting"
    counted: ClassVar[list[int]] = []
    fail_at: ClassVar[int | None] = None
    die_at: ClassVar[int | None] = None

    def run_slice(self, job: Job) -> Slice:
        start, end = job.cursor.get("next", 0), job.params["to"]
        for number in range(start, min(start + 2, end)):
            if number == self.fail_at:
                raise ValueError(f"stuck at {number}")
            if number == self.die_at:
                raise SystemExit
            self.counted.append(number)
        reached = min(start + 2, end)
        return Slice({"next": reached}, reached, end, reached >= end, {"counted": reached})


@pytest.fixture(autouse=True)
def counting() -> Any:
    """The handler, fresh for each test."""
    Counting.counted, Counting.fail_at, Counting.die_at = [], None, None
    with job_handlers.temporarily(Counting) as part:
        yield part


def test_a_job_runs_in_slices_to_its_end() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 5})
    assert start_job(kind="test.count", key="a", by=SYSTEM).pk == job.pk
    run_jobs("batch")
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.result) == ("done", 5, 5, {"counted": 5})
    assert job.progress == 1.0
    assert Counting.counted == [0, 1, 2, 3, 4]
    assert set(Event.objects.filter(subject_kind="job").values_list("verb", flat=True)) == {
        "core.job_started",
        "core.job_ended",
    }


def test_a_killed_worker_loses_one_slice_only() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 6})
    Counting.die_at = 3
    with pytest.raises(SystemExit):
        run_jobs("batch")
    Counting.die_at = None
    assert run_jobs("batch") == 0, "the lease is still held"
    Job.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    run_jobs("batch")
    job.refresh_from_db()
    assert job.state == "done"
    assert Counting.counted == [0, 1, 2, 2, 3, 4, 5]


def test_a_job_that_kills_its_workers_ends() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 6})
    Counting.die_at = 3
    for _ in range(MAX_KILLS + 1):
        with pytest.raises(SystemExit):
            run_jobs("batch")
        Job.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert run_jobs("batch") == 0
    job.refresh_from_db()
    assert (job.state, job.leased_until) == ("failed", None)
    assert "died" in job.error


def test_a_failing_job_is_visible_and_can_be_retried() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 4})
    Counting.fail_at = 2
    for _ in range(MAX_ATTEMPTS):
        run_jobs("batch")
        Job.objects.update(not_before=None)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "stuck at 2")
    assert job.log.count() == MAX_ATTEMPTS
    Counting.fail_at = None
    assert retry_job(job=job, by=SYSTEM)
    run_jobs("batch")
    job.refresh_from_db()
    assert job.state == "done"


def test_a_cancelled_job_stops() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 4})
    assert cancel_job(job=job, by=SYSTEM)
    assert run_jobs("batch") == 0
    assert Counting.counted == []
    assert not cancel_job(job=job, by=SYSTEM)


def test_a_slice_that_fails_after_the_job_was_cancelled_does_not_wake_it() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 4})

    def cancelled_meanwhile(self: Counting, _job: Job) -> Slice:
        cancel_job(job=job, by=SYSTEM)
        raise ValueError("too late")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Counting, "run_slice", cancelled_meanwhile)
        run_jobs("batch")
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert run_jobs("batch") == 0


def test_a_job_is_not_retried_beside_an_open_one_of_its_key() -> None:
    job = start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 4})
    cancel_job(job=job, by=SYSTEM)
    start_job(kind="test.count", key="a", by=SYSTEM, params={"to": 4})
    assert not retry_job(job=job, by=SYSTEM)
