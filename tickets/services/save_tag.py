"""Tags: rename, describe, take out of use, merge one into another."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.job_runner import start_job
from people.viewer import Viewer
from tickets.conditions import clauses
from tickets.events import TAG_MERGED, TAG_SAVED
from tickets.models import Tag
from tickets.tag_names import tag_name

MERGE_KIND = "tickets.merge_tag"
INDEX_KIND = "tickets.index_tag"


@transaction.atomic
def save_tag(
    *, name: str, by: Viewer, description: str = "", is_active: bool = True, tag: Tag | None = None
) -> Tag:
    """Save a tag; without ``tag`` a new one. Conditions that name it follow a new name, and a job tells search.

    Raises ValidationError.
    """
    by.require("settings.manage")
    row = Tag() if tag is None else Tag.objects.select_for_update().get(pk=tag.pk)
    try:
        wanted = tag_name(name)
    except ValidationError as error:
        raise ValidationError({"name": error.messages}) from error
    if Tag.objects.filter(name=wanted).exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("There is a tag with this name. Merge them instead.")})
    changes = apply_changes(row, name=wanted, description=description.strip(), is_active=is_active)
    row.full_clean()
    row.save()
    if tag is not None and "name" in changes:
        rename_in_conditions(changes["name"][0], wanted)
        # A second new name while the job runs needs a job of its own.
        start_job(kind=INDEX_KIND, key=f"{row.pk}:{wanted}", by=by, params={"tag": row.pk})
    if changes or tag is None:
        TAG_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def merge_tag(*, tag: Tag, into: Tag, by: Viewer) -> None:
    """Let every ticket with ``tag`` have ``into`` instead: a job does it and then deletes ``tag``, which is out of use at once.

    Conditions that name the tag name the other one from now on. Raises ValidationError for the same tag and for one that is
    not in use.
    """
    by.require("settings.manage")
    row = Tag.objects.select_for_update().get(pk=tag.pk)
    if into.pk == row.pk or not into.is_active:
        raise ValidationError({"into": _("Choose another tag that is in use.")})
    Tag.objects.filter(pk=row.pk).update(is_active=False)
    rename_in_conditions(row.name, into.name)
    TAG_MERGED.record(by=by, subject_id=row.pk, detail={"name": row.name, "into": into.name})
    start_job(
        kind=MERGE_KIND,
        key=str(row.pk),
        by=by,
        params={"from": row.pk, "to": into.pk},
        requested_by_id=by.user_id,
    )


def rename_in_conditions(before: str, after: str) -> int:
    """Name a tag anew in every stored condition on tickets; returns in how many it was."""
    changed = 0
    for model in _models_with_condition():
        for row in model._default_manager.exclude(condition={}).only("pk", "condition"):
            condition: dict[str, Any] = row.condition  # type: ignore[attr-defined]
            if _renamed(condition, before, after):
                model._default_manager.filter(pk=row.pk).update(condition=condition)
                changed += 1
    return changed


def _models_with_condition() -> Iterator[type[models.Model]]:
    """Every model that stores a condition on tickets does so in a JSON column of this name."""
    for model in apps.get_models():
        try:
            field = model._meta.get_field("condition")
        except FieldDoesNotExist:
            continue
        if isinstance(field, models.JSONField):
            yield model


def _renamed(condition: dict[str, Any], before: str, after: str) -> bool:
    """Rename in place; says whether the tag was named."""
    found = False
    for clause in clauses(condition):
        if clause.get("field") == "tags" and before in clause["value"]:
            names = [after if name == before else name for name in clause["value"]]
            clause["value"][:] = list(dict.fromkeys(names))
            found = True
    return found
