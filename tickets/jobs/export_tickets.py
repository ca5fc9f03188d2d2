"""The job that writes an export of tickets."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.models import TicketExport
from tickets.services.export_tickets import JOB_KIND, finish_export, write_slice


class ExportTickets(JobHandler):
    """Stores up to 20,000 tickets in a slice and puts the file together in the last; a killed worker repeats one slice."""

    key = JOB_KIND
    label = _("Export tickets")

    def run_slice(self, job: Job) -> Slice:
        """Store the next part, or put all together."""
        export = TicketExport.objects.select_related("job").filter(pk=job.params["export"]).first()
        if export is None or export.storage_key or export.state == TicketExport.State.EXPIRED:
            return Slice({}, job.done, job.done, finished=True)
        parts = [str(key) for key in job.cursor.get("parts", [])]
        if not job.cursor.get("complete"):
            last, parts, rows, complete = write_slice(
                export=export, after=int(job.cursor.get("after", 0)), parts=parts
            )
            done = job.done + rows
            cursor = {"after": last, "parts": parts, "complete": complete}
            return Slice(cursor, done, max(export.total, done), finished=False)
        export = finish_export(export=export, parts=parts)
        result = {"tickets": export.count, "bytes": export.size, "url": reverse("ticket-exports")}
        return Slice({}, export.count, export.count, finished=True, result=result)
