"""Create or change a team."""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from core.changes import apply_changes
from people.events import TEAM_SAVED
from people.models import Team, TeamMembership, User
from people.viewer import Viewer


@transaction.atomic
def save_team(
    *,
    name: str,
    description: str,
    is_private: bool,
    strategy: str,
    members: Collection[User],
    by: Viewer,
    is_active: bool = True,
    previous_owner_days: int | None = None,
    reopen_hours: int | None = None,
    unattended_minutes: int | None = None,
    team: Team | None = None,
) -> Team:
    """Save a team with exactly these members; without ``team`` a new one. Raises ValidationError naming the field.

    An inactive team keeps its tickets and gets no new ones. The numbers of assignment stay as they are when None.
    """
    by.require("settings.manage")
    row = Team() if team is None else Team.objects.select_for_update().get(pk=team.pk)
    numbers = {
        "previous_owner_days": previous_owner_days,
        "reopen_hours": reopen_hours,
        "unattended_minutes": unattended_minutes,
    }
    changes: dict[str, Any] = apply_changes(
        row,
        **{name: value for name, value in numbers.items() if value is not None},
        name=name.strip(),
        description=description.strip(),
        is_private=is_private,
        strategy=strategy,
        is_active=is_active,
    )
    row.full_clean()
    row.save()
    before = sorted(row.memberships.values_list("user_id", flat=True))
    after = sorted(user.pk for user in members)
    if before != after:
        row.memberships.exclude(user__in=members).delete()
        TeamMembership.objects.bulk_create(
            [TeamMembership(team=row, user=user) for user in members], ignore_conflicts=True
        )
        changes["members"] = [before, after]
    if changes or team is None:
        TEAM_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row
