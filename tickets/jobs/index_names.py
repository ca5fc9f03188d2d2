"""The job that lets search know the new name of a person or customer with many tickets."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.services.index_names import INDEX_KIND, index_newest, tickets_named

BATCH = 500


class IndexNames(JobHandler):
    """Indexes the older tickets of ``params["of"]`` ("contact", "account" or "erased": a person who was erased) with the id
    ``params["id"]``, below the id ``params["below"]``, newest first; a killed worker repeats one range."""

    key = INDEX_KIND
    label = _("Index the tickets of a renamed person or customer")

    def run_slice(self, job: Job) -> Slice:
        """Index the next range."""
        of, number = job.params["of"], int(job.params["id"])
        below = int(job.cursor.get("below", job.params["below"]))
        ids = index_newest(of, number, below=below, most=BATCH)
        done = job.done + len(ids)
        finished = len(ids) < BATCH
        left = 0 if finished else tickets_named(of, number).filter(pk__lt=ids[-1]).count()
        return Slice(
            cursor={"below": ids[-1] if ids else below},
            done=done,
            total=done + left,
            finished=finished,
            result={"indexed": done},
        )
