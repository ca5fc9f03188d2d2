"""Create or change a category."""

from collections.abc import Collection

from django.db import transaction

from core.changes import apply_changes
from people.models import Skill, Team
from people.viewer import Viewer
from tickets.events import CATEGORY_SAVED
from tickets.models import Category


@transaction.atomic
def save_category(
    *,
    name: str,
    description: str,
    team: Team | None,
    by: Viewer,
    required_skills: Collection[Skill] | None = None,
    is_active: bool = True,
    category: Category | None = None,
) -> Category:
    """Save a category; without ``category`` a new one. Raises ValidationError naming the field.

    The description teaches routing as long as there is no history. An inactive category is no longer chosen.
    ``required_skills`` are what its tickets need in teams that go by skills; None leaves them.
    """
    by.require("settings.manage")
    row = Category() if category is None else Category.objects.select_for_update().get(pk=category.pk)
    changes = apply_changes(
        row, name=name.strip(), description=description.strip(), team=team, is_active=is_active
    )
    row.full_clean()
    row.save()
    if required_skills is not None:
        before = sorted(row.required_skills.values_list("pk", flat=True))
        after = sorted(skill.pk for skill in required_skills)
        if before != after:
            row.required_skills.set(after)
            changes["required_skills"] = [before, after]
    if changes or category is None:
        CATEGORY_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row
