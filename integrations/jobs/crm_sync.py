"""The job that reads a CRM."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice, log_line
from core.models import Job
from integrations.crm.contract import OBJECTS, CrmFailure, OutOfQuota, Unreachable, crm_systems
from integrations.models import CrmConnection
from integrations.services.sync_crm import STEPS, SYNC_KIND, finish_pass, next_place, take_step

# Pauses after the first, second … failure in a row; after the last the job ends, and the next pass begins where it stopped.
RETRY_SECONDS = (15, 60, 300, 900)


def waiting_slice(job: Job, error: CrmFailure, connection: CrmConnection) -> Slice:
    """Return what a slice reached that the CRM did not answer: wait, or give the pass up and say so on the connection."""
    now = timezone.now()
    if isinstance(error, OutOfQuota):
        log_line(job, f"waits until {error.until:%H:%M:%S}: {error}")
        return Slice(job.cursor, job.done, None, finished=False, again_at=error.until)
    CrmConnection.objects.filter(pk=connection.pk).update(last_error=str(error)[:300], last_error_at=now)
    failures = int(job.cursor.get("failures", 0))
    log_line(job, f"{type(error).__name__}: {error}")
    if isinstance(error, Unreachable) and failures < len(RETRY_SECONDS):
        again_at = now + timedelta(seconds=RETRY_SECONDS[failures])
        cursor = {**job.cursor, "failures": failures + 1}
        return Slice(cursor, job.done, None, finished=False, again_at=again_at)
    return Slice({}, job.done, job.done, finished=True, result={"error": str(error)[:300]})


class CrmSync(JobHandler):
    """One pass over a connection; a killed worker repeats one page."""

    key = SYNC_KIND
    label = _("Read a CRM")

    def run_slice(self, job: Job) -> Slice:
        """Read a page, or apply a batch of what was read."""
        connection = CrmConnection.objects.filter(pk=job.params["connection"], is_on=True).first()
        if connection is None:
            return Slice({}, job.done, job.done, finished=True, result={"error": "switched off"})
        kind, step = job.cursor.get("object", OBJECTS[0]), job.cursor.get("step", STEPS[0])
        try:
            is_done, count = take_step(job=job, connection=connection, kind=kind, step=step)
        except CrmFailure as error:
            return waiting_slice(job, error, connection)
        done = job.done + count
        place: tuple[str, str] | None = (kind, step)
        if is_done:
            place = next_place(kind, step)
        if place is None:
            return self._finished(connection, done)
        return Slice({"object": place[0], "step": place[1]}, done, None, finished=False)

    def _finished(self, connection: CrmConnection, done: int) -> Slice:
        connection.refresh_from_db()
        planned = finish_pass(connection=connection, batch_size=crm_systems.get(connection.system).batch_size)
        result: dict[str, Any] = {"records": done, "batches_to_send": planned}
        return Slice({}, done, done, finished=True, result=result)
