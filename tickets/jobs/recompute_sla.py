"""The jobs that compute deadlines again, or say what a change of a policy would move."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.job_runner import JobHandler, Slice
from core.models import Job
from people.viewer import system_viewer
from tickets.models import Ticket
from tickets.services.recompute_sla import (
    BATCH,
    CUSTOMERS_KIND,
    PREVIEW_KIND,
    RECOMPUTE_KIND,
    PreviewCount,
    moves_of,
    next_of_customers,
    next_slice,
    policies_with,
    recompute_slice,
)


class RecomputeSLA(JobHandler):
    """Every living ticket gets the policy and the deadlines that hold now; a killed worker repeats one slice."""

    key = RECOMPUTE_KIND
    label = _("Compute SLA deadlines again")

    def run_slice(self, job: Job) -> Slice:
        """Compute the next tickets."""
        tickets = next_slice(int(job.cursor.get("after", 0)))
        moved = int(job.cursor.get("moved", 0)) + recompute_slice(tickets, by=system_viewer("job"))
        after = tickets[-1].pk if tickets else 0
        done = job.done + len(tickets)
        return Slice(
            cursor={"after": after, "moved": moved},
            done=done,
            total=_total(done, tickets),
            finished=len(tickets) < BATCH,
            result={"looked": done, "moved": moved},
        )


class RecomputeCustomers(JobHandler):
    """The same for the tickets of customers that one change was too large for."""

    key = CUSTOMERS_KIND
    label = _("Compute SLA deadlines of a customer again")

    def run_slice(self, job: Job) -> Slice:
        """Compute the next tickets."""
        after = int(job.cursor.get("after", job.params["after"]))
        tickets = next_of_customers(
            accounts=job.params["accounts"], contacts=job.params["contacts"], after=after
        )
        moved = int(job.cursor.get("moved", 0)) + recompute_slice(tickets, by=system_viewer("job"))
        done = job.done + len(tickets)
        return Slice(
            cursor={"after": tickets[-1].pk if tickets else after, "moved": moved},
            done=done,
            total=None if len(tickets) == BATCH else done,
            finished=len(tickets) < BATCH,
            result={"looked": done, "moved": moved},
        )


class PreviewSLA(JobHandler):
    """Counts what a policy that is not saved yet would move; writes nothing but its result."""

    key = PREVIEW_KIND
    label = _("Preview of an SLA policy")

    def run_slice(self, job: Job) -> Slice:
        """Look at the next tickets."""
        tickets = next_slice(int(job.cursor.get("after", 0)))
        count = PreviewCount(**job.cursor.get("count", {}))
        count.add(moves_of(tickets, policies_with(job.params)), len(tickets), timezone.now())
        after = tickets[-1].pk if tickets else 0
        found = vars(count)
        return Slice(
            cursor={"after": after, "count": found},
            done=count.looked,
            total=_total(count.looked, tickets),
            finished=len(tickets) < BATCH,
            result=found,
        )


def _total(done: int, tickets: list[Ticket]) -> int:
    """How many there are: what is done and what comes after the slice."""
    return done + (Ticket.objects.active().filter(pk__gt=tickets[-1].pk).count() if tickets else 0)
