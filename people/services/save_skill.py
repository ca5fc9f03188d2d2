"""Create or change a skill, and say who has which."""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from core.changes import apply_changes
from people.events import SKILL_SAVED
from people.models import Skill, User, UserSkill
from people.viewer import Viewer


@transaction.atomic
def save_skill(
    *,
    name: str,
    people: Collection[User],
    by: Viewer,
    description: str = "",
    language: str = "",
    is_active: bool = True,
    skill: Skill | None = None,
) -> Skill:
    """Save a skill that exactly these people have; without ``skill`` a new one. Raises ValidationError naming the field."""
    by.require("people.schedule")
    row = Skill() if skill is None else Skill.objects.select_for_update().get(pk=skill.pk)
    changes: dict[str, Any] = apply_changes(
        row,
        name=name.strip(),
        description=description.strip(),
        language=language.strip().lower(),
        is_active=is_active,
    )
    row.full_clean()
    row.save()
    before = sorted(row.holders.values_list("user_id", flat=True))
    after = sorted(user.pk for user in people)
    if before != after:
        row.holders.exclude(user__in=after).delete()
        UserSkill.objects.bulk_create(
            [UserSkill(skill=row, user_id=pk) for pk in after], ignore_conflicts=True
        )
        changes["people"] = [before, after]
    if changes or skill is None:
        SKILL_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def set_skills(*, user: User, skills: Collection[Skill], by: Viewer) -> User:
    """Let a person have exactly these skills."""
    by.require("people.schedule")
    row = User.objects.select_for_update().get(pk=user.pk)
    before = set(row.skills.values_list("skill_id", flat=True))
    after = {skill.pk for skill in skills}
    row.skills.filter(skill_id__in=before - after).delete()
    UserSkill.objects.bulk_create(
        [UserSkill(user=row, skill_id=pk) for pk in sorted(after - before)], ignore_conflicts=True
    )
    for pk in sorted(before ^ after):
        SKILL_SAVED.record(by=by, subject_id=pk, detail={"user": row.pk, "has": pk in after})
    return row
