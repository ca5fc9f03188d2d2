"""Who is to know about a ticket: its assignee, its team, the leads of the team, a person. For warnings and escalations."""

from people.models import User
from people.roles import Role
from tickets.models import Ticket


def assignee_or_team(ticket: Ticket) -> list[int]:
    """Return the assignee, else everybody of the team, as ids of active people."""
    if ticket.assignee_id is not None:
        return active([ticket.assignee_id])
    return members(ticket.team_id)


def members(team_id: int | None) -> list[int]:
    """Return the active members of a team."""
    if team_id is None:
        return []
    found = User.objects.filter(memberships__team_id=team_id, is_active=True)
    return list(found.order_by("pk").values_list("pk", flat=True))


def leads(team_id: int | None) -> list[int]:
    """Return the leads among the members of a team; without any, every lead."""
    all_leads = User.objects.filter(role=Role.LEAD, is_active=True).order_by("pk")
    of_team = (
        []
        if team_id is None
        else list(all_leads.filter(memberships__team_id=team_id).values_list("pk", flat=True))
    )
    return of_team or list(all_leads.values_list("pk", flat=True))


def active(user_ids: list[int]) -> list[int]:
    """Return those of the people who still work here."""
    return list(User.objects.filter(pk__in=user_ids, is_active=True).values_list("pk", flat=True))
