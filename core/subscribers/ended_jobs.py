"""Tells the one who asked for long work that it is over."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.events import JOB_ENDED
from core.job_runner import job_handlers
from core.models import Event, Job
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber

# Who started something that was over at once has seen it end.
LONG = timedelta(seconds=20)


class EndedJobs(Subscriber):
    """One notification per job that took long or failed; ``result["url"]`` of the job says where to look."""

    key = "core.ended_jobs"
    label = gettext_lazy("Notifications of ended work")
    verbs = frozenset({JOB_ENDED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Tell the people who asked for the jobs."""
        jobs = Job.objects.in_bulk([event.subject_id for event in events])
        notices = []
        for event in events:
            job = jobs.get(event.subject_id)
            if job is None or job.requested_by_id is None or job.finished_at is None:
                continue
            failed = job.state == Job.State.FAILED
            if not failed and job.finished_at - job.created_at < LONG:
                continue
            notices.append(
                Notice(
                    user_id=job.requested_by_id,
                    text=(_("Failed: %s") if failed else _("Done: %s")) % _label(job),
                    verb=event.verb,
                    url=str(job.result.get("url", "")),
                    cause=event,
                    group=f"job:{job.pk}",
                )
            )
        notify_people(notices=notices, by=SYSTEM)


def _label(job: Job) -> str:
    return str(job_handlers.get(job.kind).label or job.kind) if job.kind in job_handlers else job.kind
