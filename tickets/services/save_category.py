"""Create or change a category."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Skill, Team
from people.viewer import Viewer
from tickets.category_tree import read_tree
from tickets.events import CATEGORY_SAVED
from tickets.models import Category


@transaction.atomic
def save_category(
    *,
    name: str,
    description: str,
    parent: Category | None,
    team: Team | None,
    by: Viewer,
    required_skills: Collection[Skill] | None = None,
    is_active: bool = True,
    category: Category | None = None,
) -> Category:
    """Save a category; without ``category`` a new one. Raises ValidationError naming the field.

    The description teaches routing as long as there is no history. An inactive category is no longer chosen. As a kind of
    ``parent`` it goes to the parent's team while it has none; at most ``Category.MOST_LEVELS`` levels, and no circle.
    ``required_skills`` are what its tickets need in teams that go by skills; None leaves them.
    """
    by.require("settings.manage")
    # All of them, in one order: two people who move two categories below each other would make a circle.
    rows = {one.pk: one for one in Category.objects.select_for_update().order_by("pk")}
    row = Category() if category is None else rows[category.pk]
    _check_place(row.pk, parent)
    changes = apply_changes(
        row,
        name=name.strip(),
        description=description.strip(),
        parent=parent,
        team=team,
        is_active=is_active,
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


def _check_place(pk: int | None, parent: Category | None) -> None:
    """Raise ValidationError for a parent that cannot be one."""
    tree = read_tree()
    if parent is None or parent.pk in tree.possible_parents(pk):
        return
    if pk is not None and pk in tree.lineage(parent.pk):
        raise ValidationError({"parent": _("A category cannot be a kind of itself or of one of its kinds.")})
    raise ValidationError({"parent": _("Categories are at most %d levels deep.") % Category.MOST_LEVELS})
