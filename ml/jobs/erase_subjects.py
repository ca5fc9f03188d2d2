"""The job behind an erasure: one snapshot per slice."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from ml.models import DatasetSnapshot
from ml.services.erase_subjects import JOB_KIND, erase_from_snapshot
from people.viewer import system_viewer


class EraseSubjects(JobHandler):
    """Walks the snapshots whose rows are about subjects of the erased kinds."""

    key = JOB_KIND
    label = _("Erase rows of training data")

    def run_slice(self, job: Job) -> Slice:
        """Empty the next snapshot."""
        subjects = job.params["subjects"]
        after, erased = int(job.cursor.get("after", 0)), int(job.cursor.get("erased", 0))
        snapshots = DatasetSnapshot.objects.filter(subject_kind__in=subjects, pk__gt=after).order_by("pk")
        snapshot = snapshots.first()
        if snapshot is None:
            return Slice(job.cursor, job.done, job.done, finished=True, result={"erased": erased})
        erased += erase_from_snapshot(
            snapshot_id=snapshot.pk, ids=subjects[snapshot.subject_kind], by=system_viewer("task")
        )
        total = job.total or snapshots.count()
        return Slice({"after": snapshot.pk, "erased": erased}, job.done + 1, total, finished=False)
