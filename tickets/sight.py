"""Where somebody would lose sight of a ticket: in a private team of others."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from people.models import Team, TeamMembership, User
from people.viewer import Viewer


def loses_sight(viewer: Viewer, team: Team | None) -> bool:
    """Say whether a viewer does not see the tickets of a team."""
    return (
        team is not None
        and team.is_private
        and not viewer.can("tickets.all_teams")
        and team.pk not in viewer.team_ids
    )


def destination(wanted: Mapping[str, Any]) -> tuple[str, Team | None]:
    """Return the team to which ``team`` or ``category`` lead, None for none, and which of the two names it."""
    if wanted.get("team") is not None:
        return "team", wanted["team"]
    category = wanted.get("category")
    return "category", None if category is None else category.responsible_team


def refuse_out_of_sight(name: str, team: Team | None, viewer: Viewer) -> None:
    """Raise ValidationError for the field ``name``: who did that could not even see that it worked."""
    if loses_sight(viewer, team):
        raise ValidationError({name: _("%s is a private team that you are not in.") % team})


def refuse_stranger(assignee: User, team: Team | None) -> None:
    """Raise ValidationError for an assignee who is not in the team that the ticket goes to."""
    if team is not None and not TeamMembership.objects.filter(team=team, user=assignee).exists():
        names = {"person": assignee, "team": team}
        raise ValidationError({"assignee": _("%(person)s is not in the team %(team)s.") % names})
