"""The job that compares both sides of a connection."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from integrations.crm.contract import CrmFailure
from integrations.jobs.crm_sync import waiting_slice
from integrations.models import CrmCheck, CrmConnection
from integrations.services.check_crm import begin_check, check_here, check_page, end_check, end_object
from integrations.services.sync_crm import CHECK_KIND


class CrmReconciliation(JobHandler):
    """Walks every record of theirs, then ours, object by object; a killed worker repeats one page."""

    key = CHECK_KIND
    label = _("Compare with a CRM")

    def run_slice(self, job: Job) -> Slice:
        """Compare a page."""
        connection = CrmConnection.objects.filter(pk=job.params["connection"], is_on=True).first()
        if connection is None:
            return Slice({}, job.done, job.done, finished=True, result={"error": "switched off"})
        if "check" not in job.cursor:
            check = begin_check(connection)
            return Slice({"check": check.pk, "todo": list(check.results)}, 0, None, finished=False)
        check = CrmCheck.objects.select_related("connection").get(pk=job.cursor["check"])
        todo = job.cursor["todo"]
        if not todo:
            is_proven = end_check(check=check)
            return Slice(
                {}, job.done, job.done, finished=True, result={"proven": is_proven, "gaps": check.gaps}
            )
        try:
            return self._next(job, check, todo)
        except CrmFailure as error:
            return waiting_slice(job, error, connection)

    def _next(self, job: Job, check: CrmCheck, todo: list[str]) -> Slice:
        base: dict[str, Any] = {"check": check.pk, "todo": todo}
        if "after" not in job.cursor:
            cursor = check_page(job=job, check=check, kind=todo[0], cursor=job.cursor.get("cursor") or {})
            if cursor is None:
                end_object(check=check, kind=todo[0])
                base["after"] = 0
            else:
                base["cursor"] = dict(cursor)
            return Slice(base, job.done + 1, None, finished=False)
        after = check_here(job=job, check=check, kind=todo[0], after=int(job.cursor["after"]))
        if after is None:
            base["todo"] = todo[1:]
        else:
            base["after"] = after
        return Slice(base, job.done + 1, None, finished=False)
