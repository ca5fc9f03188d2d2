"""The jobs of an import: read, check, run, undo. The rows are the truth; a killed worker repeats one batch at most."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice, keep_lease
from core.models import Job
from imports.models import Import
from imports.services.read_files import read_slice
from imports.services.run_import import CHECK_KIND, RUN_KIND, check_slice, run_slice
from imports.services.undo_import import UNDO_KIND, undo_slice
from imports.services.upload_import import READ_KIND

_GONE = Slice({}, 0, 0, finished=True)


def _of(job: Job) -> Import | None:
    return Import.objects.filter(pk=job.params["import"]).first()


class ReadImport(JobHandler):
    """Reads the uploaded files into rows."""

    key = READ_KIND
    label = _("Read an import")

    def run_slice(self, job: Job) -> Slice:
        """Read on."""
        run = _of(job)
        if run is None or run.state != Import.State.UPLOADED:
            return _GONE
        count, finished = read_slice(run, lambda: keep_lease(job))
        return Slice({}, count, count if finished else None, finished=finished, result={"rows": count})


class CheckImport(JobHandler):
    """Looks at every row without writing any."""

    key = CHECK_KIND
    label = _("Check an import")

    def run_slice(self, job: Job) -> Slice:
        """Check the next rows."""
        run = _of(job)
        if run is None or run.state not in (Import.State.READ, Import.State.CHECKED):
            return _GONE
        last, finished = check_slice(run, int(job.cursor.get("after", 0)))
        total = run.rows.count()
        done = total if finished else run.rows.filter(pk__lte=last).count()
        return Slice({"after": last}, done, total, finished=finished)


class RunImport(JobHandler):
    """Writes the rows."""

    key = RUN_KIND
    label = _("Run an import")

    def run_slice(self, job: Job) -> Slice:
        """Write the next rows."""
        run = _of(job)
        if run is None or run.state != Import.State.RUNNING:
            return _GONE
        done, finished = run_slice(run)
        return Slice(
            {}, done, run.rows.count(), finished=finished, result={"counts": run.counts} if finished else {}
        )


class UndoImport(JobHandler):
    """Removes what an import has made and nobody has touched."""

    key = UNDO_KIND
    label = _("Undo an import")

    def run_slice(self, job: Job) -> Slice:
        """Remove the next objects."""
        run = _of(job)
        if run is None or run.state != Import.State.UNDOING:
            return _GONE
        done, finished = undo_slice(run)
        return Slice(
            {}, job.done + done, None, finished=finished, result={"left": len(run.left)} if finished else {}
        )
