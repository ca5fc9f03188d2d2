"""The job behind an erasure: one snapshot per slice."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice, log_line
from core.models import Job
from ml.artefacts import ArtefactRefused
from ml.models import DatasetSnapshot
from ml.services.erase_subjects import JOB_KIND, erase_from_snapshot
from people.viewer import system_viewer


class EraseSubjects(JobHandler):
    """Walks the snapshots whose rows are about subjects of the erased kinds."""

    key = JOB_KIND
    label = _("Erase rows of training data")

    def _once_more(self, job: Job, damaged: Sequence[int], erased: int) -> Slice:
        """Look at the damaged ones again: a file may have come back from a backup. Raises ``ArtefactRefused`` otherwise."""
        for snapshot in DatasetSnapshot.objects.filter(pk__in=damaged).order_by("pk"):
            erased += self._erase(job, snapshot)
        return Slice(job.cursor, job.done, job.done, finished=True, result={"erased": erased})

    def _erase(self, job: Job, snapshot: DatasetSnapshot) -> int:
        ids = job.params["subjects"][snapshot.subject_kind]
        return erase_from_snapshot(snapshot_id=snapshot.pk, ids=ids, by=system_viewer("task"))

    def run_slice(self, job: Job) -> Slice:
        """Empty the next snapshot. A damaged one is noted and passed over; the job fails when all others are done."""
        subjects = job.params["subjects"]
        after, erased = int(job.cursor.get("after", 0)), int(job.cursor.get("erased", 0))
        snapshots = DatasetSnapshot.objects.filter(subject_kind__in=subjects, pk__gt=after).order_by("pk")
        damaged = list(job.cursor.get("damaged", []))
        snapshot = snapshots.first()
        if snapshot is None and damaged:
            return self._once_more(job, damaged, erased)
        if snapshot is None:
            return Slice(job.cursor, job.done, job.done, finished=True, result={"erased": erased})
        try:
            erased += self._erase(job, snapshot)
        except ArtefactRefused as error:
            log_line(job, f"snapshot {snapshot.pk}: {error}")
            damaged.append(snapshot.pk)
        total = job.total or snapshots.count()
        return Slice(
            {"after": snapshot.pk, "erased": erased, "damaged": damaged}, job.done + 1, total, finished=False
        )
