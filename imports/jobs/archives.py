"""The job that writes an archive of everything."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from imports.models import Archive
from imports.services.make_archive import JOB_KIND, finish_archive, write_slice


class MakeArchive(JobHandler):
    """Appends for some seconds in each slice; a killed worker's half piece is cut off."""

    key = JOB_KIND
    label = _("Export everything")

    def run_slice(self, job: Job) -> Slice:
        """Write on, or hand the whole file over."""
        archive = Archive.objects.select_related("made_by").filter(pk=job.params["archive"]).first()
        if archive is None or archive.storage_key:
            return Slice({}, job.done, job.done, finished=True)
        if job.cursor.get("whole"):
            finish_archive(archive, dict(job.cursor))
            return Slice({}, job.done, job.done, finished=True, result={"url": reverse("settings-archives")})
        state, whole = write_slice(archive, dict(job.cursor))
        done = sum(state["counts"].values()) + state["files"][2]
        return Slice({**state, "whole": whole}, done, None, finished=False)
