"""The job that takes a tag off every ticket that has it, and puts another one there when the tags are merged."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from people.viewer import system_viewer
from tickets.models import Tag, Ticket
from tickets.services.change_tags import change_tags
from tickets.services.save_tag import MERGE_KIND

BATCH = 100


class MergeTag(JobHandler):
    """Changes 100 tickets at a time and deletes the empty tag at the end; a killed worker goes on where it was."""

    key = MERGE_KIND
    label = _("Merge or delete a tag")

    def run_slice(self, job: Job) -> Slice:
        """Change the next tickets."""
        old = Tag.objects.filter(pk=job.params["from"]).first()
        merged = job.params["to"] is not None
        new = Tag.objects.filter(pk=job.params["to"]).first() if merged else None
        if old is None or (merged and new is None):
            return Slice(
                cursor={}, done=job.done, total=job.done, finished=True, result={"changed": job.done}
            )
        having = Ticket.objects.filter(ticket_tags__tag=old)
        batch = list(having.order_by("pk")[:BATCH])
        for ticket in batch:
            change_tags(
                ticket=ticket, add=[new.name] if new else [], remove=[old.name], by=system_viewer("task")
            )
        done = job.done + len(batch)
        left = having.count()
        if left == 0:
            old.delete()
        return Slice(cursor={}, done=done, total=done + left, finished=left == 0, result={"changed": done})
