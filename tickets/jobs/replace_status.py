"""The job that gives tickets another status when theirs goes out of use."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.actors import SYSTEM
from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.models import Status, Ticket
from tickets.services.change_status import move_to
from tickets.services.save_status import REPLACE_KIND
from tickets.ticket_rows import lock_ticket, save_ticket

BATCH = 100


class ReplaceStatus(JobHandler):
    """Moves tickets from one status to another of the same category, 100 at a time; a killed worker goes on where it was."""

    key = REPLACE_KIND
    label = _("Replace a status")

    def run_slice(self, job: Job) -> Slice:
        """Move the next tickets."""
        old, new = str(job.params["from"]), str(job.params["to"])
        waiting = Ticket.objects.filter(status_id=old)
        ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])
        for ticket_id in ids:
            _move(ticket_id, old, new)
        done = job.done + len(ids)
        left = waiting.count()
        return Slice(cursor={}, done=done, total=done + left, finished=left == 0, result={"moved": done})


@transaction.atomic
def _move(ticket_id: int, old: str, new: str) -> None:
    ticket = lock_ticket(ticket_id)
    if ticket.status_id == old:
        move_to(ticket, Status.objects.get(pk=new), by=SYSTEM, reason="status_replaced")
        save_ticket(ticket)
