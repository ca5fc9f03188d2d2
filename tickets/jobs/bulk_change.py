"""The job behind an act on many tickets: a few at a time, so that progress shows and cancelling is quick."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.models import BulkAct, BulkItem
from tickets.services.change_many import actor_of, do_items, undo_items


class BulkChange(JobHandler):
    """Does, or takes back, the items that are left. A slice that is repeated finds only what the first had not done."""

    key = "tickets.bulk_change"
    label = _("Change many tickets")

    def run_slice(self, job: Job) -> Slice:
        """Work on the next 25 tickets."""
        bulk = BulkAct.objects.select_related("user").filter(pk=job.params["bulk"]).first()
        if bulk is None or (bulk.state == BulkAct.State.CANCELLED and not job.params["undo"]):
            return Slice({}, job.done, job.done, finished=True)
        work = undo_items if job.params["undo"] else do_items
        left = work(bulk=bulk, by=actor_of(bulk))
        total = bulk.total
        if job.params["undo"]:
            states = BulkItem.State
            back = [states.DONE, states.UNDONE, states.KEPT, states.UNDO_FAILED]
            total = bulk.items.filter(state__in=back).count()
        return Slice({}, total - left, total, finished=left == 0)
