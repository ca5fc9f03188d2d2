"""Deletes stored files that nothing refers to any more."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from tickets.drafts import keys_of_drafts
from tickets.models import Attachment, Call, Draft, FormFile, MailLedger
from tickets.stored_files import delete_file

BATCH = 200


class DeleteFiles(JobHandler):
    """Deletes the files under ``params["keys"]``, unless an attachment, a mail, a call, a form that was sent or a draft with the
    same content has one."""

    key = "tickets.delete_files"
    label = _("Delete files")

    def run_slice(self, job: Job) -> Slice:
        """Delete the next files; one that is gone already is no fault."""
        keys: list[str] = job.params["keys"]
        place = int(job.cursor.get("place", 0))
        batch = keys[place : place + BATCH]
        used = set(Attachment.objects.filter(storage_key__in=batch).values_list("storage_key", flat=True))
        used |= set(MailLedger.objects.filter(storage_key__in=batch).values_list("storage_key", flat=True))
        used |= set(FormFile.objects.filter(storage_key__in=batch).values_list("storage_key", flat=True))
        used |= set(Call.objects.filter(recording_key__in=batch).values_list("recording_key", flat=True))
        used |= keys_of_drafts(Draft.objects.all())
        for key in batch:
            if key not in used:
                delete_file(key)
        reached = place + len(batch)
        return Slice(cursor={"place": reached}, done=reached, total=len(keys), finished=reached >= len(keys))
