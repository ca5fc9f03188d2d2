"""Once a day: what became of accounts in each band, and which customers left that no score had announced."""

from datetime import date

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from customers.models import Account
from health.outcomes import count_outcomes
from health.services.review_surprises import open_surprises
from health.services.store_band_outcomes import store_band_outcomes
from people.viewer import system_viewer

BATCH = 2000


class MeasureBands(JobHandler):
    """Counts 2,000 accounts a slice; the last slice writes what the bands came to. ``key`` is the day."""

    key = "health.measure_bands"
    label = _("Measure what became of each health band")

    def run_slice(self, job: Job) -> Slice:
        """Count the next accounts and look for surprises among them."""
        by, until = system_viewer("task"), date.fromisoformat(job.key)
        counts: dict[str, list[int]] = {
            band: list(pair) for band, pair in job.cursor.get("counts", {}).items()
        }
        after = int(job.cursor.get("after", 0))
        ids = list(
            Account.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]
        )  # fmt: skip
        for band, (number, churned) in count_outcomes(ids, until).items():
            pair = counts.setdefault(band, [0, 0])
            pair[0] += number
            pair[1] += churned
        open_surprises(by=by, account_ids=ids, until=until)
        finished = len(ids) < BATCH
        if finished:
            store_band_outcomes(
                by=by, until=until, counts={band: (pair[0], pair[1]) for band, pair in counts.items()}
            )
        done = job.done + len(ids)
        cursor = {"after": ids[-1] if ids else after, "counts": counts}
        return Slice(cursor, done, None, finished=finished, result={"accounts": done})
