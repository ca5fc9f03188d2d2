"""How much lies before teams and agents, kept hourly: to compute it again would read the log of every ticket of that time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ml.features.views import Definition, KeptView, Value
from tickets.histories import TicketState, read_histories
from tickets.models import Status, Ticket

ACTIVE = frozenset(Status.ACTIVE)
OURS = frozenset({Status.Category.NEW, Status.Category.OPEN})
CHUNK = 500


class Workload(KeptView):
    """Counts of open tickets, to whoever ``whose`` names."""

    owner = "tickets"
    sources = ("core.Event",)

    def whose(self, state: TicketState) -> int | None:
        """To whom a ticket counts."""
        raise NotImplementedError

    def definitions(self) -> Sequence[Definition]:
        """Two counts."""
        return [
            self.define("open_tickets", 1, "number", _("Tickets that are not solved")),
            self.define("our_turn", 1, "number", _("Tickets that are new or open: it is our turn")),
        ]

    def measure(self, moments: Sequence[datetime]) -> Mapping[datetime, Mapping[int, Mapping[str, Value]]]:
        """Count by the states of every ticket that may have been open at one of the moments."""
        counts: dict[datetime, dict[int, list[int]]] = {
            moment: defaultdict(lambda: [0, 0]) for moment in moments
        }
        # What has been touched since is looked at, what was over before is not.
        alive = Q(status_category__in=ACTIVE) | Q(updated_at__gte=moments[0])
        ids = list(
            Ticket.objects.filter(alive, created_at__lte=moments[-1])
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        for start in range(0, len(ids), CHUNK):
            for history in read_histories(ids[start : start + CHUNK]).values():
                for state in history.states(moments):
                    whose = self.whose(state)
                    if whose is not None and state.status in ACTIVE:
                        found = counts[state.at][whose]
                        found[0] += 1
                        found[1] += state.status in OURS
        return {
            moment: {whose: {"open_tickets": found[0], "our_turn": found[1]} for whose, found in by.items()}
            for moment, by in counts.items()
        }


class TeamWorkload(Workload):
    """The queue of a team."""

    key = "team_workload"
    entity = "team"

    def whose(self, state: TicketState) -> int | None:
        """Its team."""
        return state.team_id


class AgentWorkload(Workload):
    """What is assigned to an agent."""

    key = "agent_workload"
    entity = "agent"

    def whose(self, state: TicketState) -> int | None:
        """Its assignee."""
        return state.assignee_id
