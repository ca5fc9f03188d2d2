"""The job that lets search know the new name of a tag."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.models import TicketTag
from tickets.search_index import index_tickets
from tickets.services.save_tag import INDEX_KIND

BATCH = 500


class IndexTag(JobHandler):
    """Indexes the tickets with a tag anew, 500 at a time; a killed worker repeats one range."""

    key = INDEX_KIND
    label = _("Index a renamed tag")

    def run_slice(self, job: Job) -> Slice:
        """Index the next range."""
        after = int(job.cursor.get("after", 0))
        having = TicketTag.objects.filter(tag_id=job.params["tag"], ticket_id__gt=after)
        ids = list(having.order_by("ticket_id").values_list("ticket_id", flat=True)[:BATCH])
        index_tickets(ids)
        done = job.done + len(ids)
        return Slice(
            cursor={"after": ids[-1] if ids else after},
            done=done,
            total=None,
            finished=len(ids) < BATCH,
            result={"indexed": done},
        )
