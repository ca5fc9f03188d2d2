"""The jobs behind a person's data: writing the export, erasing app by app."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from customers.registry import personal_data_parts
from customers.services.erase_contact import JOB_KIND as ERASE
from customers.services.erase_contact import erase_part, finish_erasure
from customers.services.export_contact import JOB_KIND as EXPORT
from customers.services.export_contact import write_export


class ExportContact(JobHandler):
    """Writes the ZIP file of one person."""

    key = EXPORT
    label = _("Export the data of a person")

    def run_slice(self, job: Job) -> Slice:
        """Write the file."""
        size = write_export(export_id=int(job.params["export"]))
        return Slice(cursor={}, done=1, total=1, finished=True, result={"bytes": size})


class EraseContact(JobHandler):
    """Erases one app per slice; the certificate comes last."""

    key = ERASE
    label = _("Erase a person")

    def run_slice(self, job: Job) -> Slice:
        """Erase the next app's part, or finish."""
        keys = [part.key for part in personal_data_parts()]
        place = int(job.cursor.get("place", 0))
        erasure_id = int(job.params["erasure"])
        if place < len(keys):
            erase_part(erasure_id=erasure_id, part_key=keys[place])
            return Slice(cursor={"place": place + 1}, done=place + 1, total=len(keys) + 1, finished=False)
        finish_erasure(erasure_id=erasure_id)
        return Slice(cursor={"place": place}, done=place + 1, total=len(keys) + 1, finished=True)
