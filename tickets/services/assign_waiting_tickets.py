"""Give routed tickets that nobody has to people who have become available."""

from django.db import transaction
from django.db.models import F

from core.actors import SYSTEM
from people.models import Team
from tickets.models import Ticket
from tickets.services.assign_ticket import LOADING, assign_automatically
from tickets.ticket_rows import lock_ticket, save_ticket

# In a team that goes by skills the next ticket may suit somebody though this one suits nobody.
MOST_UNFIT = 10
SETTLED = (Ticket.Routing.ROUTED, Ticket.Routing.MANUAL)


def assign_waiting_tickets(*, limit: int = 200) -> int:
    """Assign, team by team, the tickets whose deadline is nearest; stops at a team's first ticket that nobody takes, in teams
    that go by skills at the tenth.

    Returns how many were assigned. Each is a transaction of its own: call it outside of one, or two callers that give tickets
    of several teams out at once may wait for each other.
    """
    waiting = Ticket.objects.filter(
        assignee=None,
        team__is_active=True,
        routing_state__in=SETTLED,
        status_category__in=LOADING,
        snoozed_until__isnull=True,
        merged_into__isnull=True,
    ).exclude(team__strategy="manual")
    assigned = 0
    for team in Team.objects.filter(pk__in=waiting.values("team_id")):
        queue = waiting.filter(team=team).order_by(
            F("next_due_at").asc(nulls_last=True), "-priority_rank", "pk"
        )
        patience = MOST_UNFIT if team.strategy == "skills" else 1
        for ticket_id in list(queue.values_list("pk", flat=True)[: limit - assigned]):
            if _assign(ticket_id):
                assigned += 1
                continue
            patience -= 1
            if not patience:
                break
    return assigned


@transaction.atomic
def _assign(ticket_id: int) -> bool:
    """Assign one ticket; True also when somebody took it meanwhile."""
    ticket = lock_ticket(ticket_id)
    if ticket.assignee_id is not None:
        return True
    reason = ticket.assigned_reason
    if assign_automatically(ticket, by=SYSTEM):
        save_ticket(ticket)
        return True
    if ticket.assigned_reason != reason:
        Ticket.objects.filter(pk=ticket_id).update(assigned_reason=ticket.assigned_reason)
    return False
