"""The jobs that count views: all of them, hourly, to repair what drifted; one whose condition is new; a customer's tickets."""

import logging

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice, log_line
from core.models import Job
from tickets.models import SavedView
from tickets.services.count_views import (
    BATCH,
    count_tickets,
    next_of_customers,
    next_of_view,
    next_to_check,
    settle_counts,
)

logger = logging.getLogger(__name__)


class RecountViews(JobHandler):
    """Counts all tickets again in slices of 500; what had to be repaired is in the job's result and log."""

    key = "tickets.recount_views"
    label = _("Repair the counters of views")

    def run_slice(self, job: Job) -> Slice:
        """Count the next tickets; the last slice settles the sums."""
        after, repaired = int(job.cursor.get("after", 0)), int(job.cursor.get("repaired", 0))
        ids = next_to_check(after)
        repaired += count_tickets(ticket_ids=ids)
        done = job.done + len(ids)
        if len(ids) == BATCH:
            return Slice({"after": ids[-1], "repaired": repaired}, done, None, finished=False)
        counters = settle_counts()
        if repaired or counters:
            line = f"{repaired} tickets and {counters} counters were repaired"
            logger.warning("view counters: %s", line)
            log_line(job, line)
        result = {"checked": done, "tickets_repaired": repaired, "counters_repaired": counters}
        return Slice({"after": ids[-1] if ids else after}, done, done, finished=True, result=result)


class CountView(JobHandler):
    """Counts what a saved view holds after its condition has changed; its number is shown from then on."""

    key = "tickets.count_view"
    label = _("Count a saved view")

    def run_slice(self, job: Job) -> Slice:
        """Count the next tickets of the view; a view that was changed again meanwhile has a job of its own."""
        view = SavedView.objects.filter(
            pk=job.params["view"], revision=job.params["revision"], is_active=True
        ).first()
        if view is None:
            return Slice({}, job.done, job.done, finished=True)
        after = int(job.cursor.get("after", 0))
        ids = next_of_view(view, after)
        count_tickets(ticket_ids=ids)
        done = job.done + len(ids)
        if len(ids) == BATCH:
            return Slice({"after": ids[-1]}, done, None, finished=False)
        SavedView.objects.filter(pk=view.pk, revision=view.revision).update(counted_revision=view.revision)
        return Slice({"after": after}, done, done, finished=True, result={"counted": done})


class CountCustomers(JobHandler):
    """Counts the tickets of customers again that one change was too large for."""

    key = "tickets.count_customers"
    label = _("Count the tickets of a customer")

    def run_slice(self, job: Job) -> Slice:
        """Count the next tickets."""
        after = int(job.cursor.get("after", job.params["after"]))
        ids = next_of_customers(accounts=job.params["accounts"], contacts=job.params["contacts"], after=after)
        count_tickets(ticket_ids=ids)
        done = job.done + len(ids)
        if len(ids) == BATCH:
            return Slice({"after": ids[-1]}, done, None, finished=False)
        return Slice({"after": after}, done, done, finished=True, result={"counted": done})
