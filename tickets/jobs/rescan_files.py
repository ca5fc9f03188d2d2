"""The job behind "Scan again": makes stored files due for another look, and finds those that no row knows."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.services.scan_files import KINDS, RESCAN_KIND, make_due, note_unknown


class RescanFiles(JobHandler):
    """Walks attachments, mails and drafts, then the rows with the verdicts ``params["states"]``, a thousand per slice."""

    key = RESCAN_KIND
    label = _("Have files scanned again")

    def run_slice(self, job: Job) -> Slice:
        """Take the next thousand of the present kind."""
        parts = [*KINDS, "verdict"]
        part = job.cursor.get("part", parts[0])
        after, found = int(job.cursor.get("after", 0)), int(job.cursor.get("due", 0))
        if part == "verdict":
            count, last = make_due(states=job.params["states"], after=after)
            found += count
        else:
            count, last = note_unknown(part, after)
        place = parts.index(part) + (last is None)
        finished = place == len(parts)
        cursor = {"part": "" if finished else parts[place], "after": last or 0, "due": found}
        return Slice(cursor, job.done + count, None, finished, result={"due": found})
