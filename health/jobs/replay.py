"""The job of the time machine."""

from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from health.models import CardReplay
from health.services.replay_card import replay_next


class ReplayCard(JobHandler):
    """Plays a draft over the past, 50 accounts at a time; a killed worker repeats one slice."""

    key = "health.replay_card"
    label = _("Play a health card over the past")

    def run_slice(self, job: Job) -> Slice:
        """Do the next accounts."""
        replay = CardReplay.objects.filter(pk=job.params["replay"]).select_related("card").first()
        if replay is None:
            return Slice(cursor={}, done=0, total=0, finished=True)
        finished = replay_next(replay=replay)
        done = len(replay.rows)
        return Slice(
            cursor={"done": done},
            done=done,
            total=len(replay.account_ids),
            finished=finished,
            result={"accounts": done},
        )
