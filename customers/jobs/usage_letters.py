"""The job that tries rejected product usage again, or gives it up."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from customers.models import UsageDeadLetter
from customers.services.settle_dead_letters import DROP, JOB_KIND, drop_letters, next_letters, retry_letters
from people.viewer import system_viewer


class SettleUsageLetters(JobHandler):
    """Takes some hundred letters per slice, each once."""

    key = JOB_KIND
    label = _("Settle rejected usage")

    def run_slice(self, job: Job) -> Slice:
        """Take the next letters."""
        reason, cursor = str(job.params.get("reason", "")), dict(job.cursor)
        done, passed = int(cursor.get("done", 0)), int(cursor.get("passed", 0))
        # Letters that come while the job runs are left for the next one.
        last = int(
            cursor.get("last")
            or UsageDeadLetter.objects.order_by("-pk").values_list("pk", flat=True).first()
            or 0
        )
        ids = [pk for pk in next_letters(reason=reason, after=int(cursor.get("after", 0))) if pk <= last]
        if not ids:
            return Slice(
                cursor=cursor, done=done, total=done, finished=True, result={"items": done, "passed": passed}
            )
        viewer = system_viewer("task")
        if job.params["action"] == DROP:
            drop_letters(letter_ids=ids, by=viewer)
        else:
            verdicts = retry_letters(letter_ids=ids, by=viewer)
            passed += sum(verdict.status != "rejected" for verdict in verdicts.values())
        cursor = {"after": ids[-1], "done": done + len(ids), "passed": passed, "last": last}
        return Slice(cursor=cursor, done=done + len(ids), total=None, finished=False)
