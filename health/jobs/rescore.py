"""The nightly job: every account is scored again, because time alone moves freshness, renewals and cohorts."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from customers.models import Account
from health.services.score_accounts import score_accounts
from people.viewer import system_viewer

BATCH = 200


class RescoreAll(JobHandler):
    """Scores all customers in ranges of 200 ids; a killed worker repeats one range."""

    key = "health.rescore_all"
    label = _("Score all customers")

    def run_slice(self, job: Job) -> Slice:
        """Score the next range."""
        after = int(job.cursor.get("after", 0))
        living = Account.objects.filter(churned_on=None)
        ids = list(living.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            score_accounts(account_ids=ids, by=system_viewer("task"))
        done = job.done + len(ids)
        total = done + (living.filter(pk__gt=ids[-1]).count() if ids else 0)
        return Slice(
            cursor={"after": ids[-1] if ids else after},
            done=done,
            total=total,
            finished=len(ids) < BATCH,
            result={"scored": done},
        )
