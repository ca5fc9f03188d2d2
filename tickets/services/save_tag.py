"""Tags: rename, describe, take out of use, merge one into another, delete."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.job_runner import OPEN, start_job
from core.models import Job
from people.viewer import Viewer
from tickets.conditions import clauses
from tickets.events import TAG_DELETED, TAG_MERGED, TAG_SAVED
from tickets.models import Tag, TicketTag
from tickets.stored_conditions import refuse_while_asked_for, stored_conditions
from tickets.tag_names import tag_name

MERGE_KIND = "tickets.merge_tag"
INDEX_KIND = "tickets.index_tag"


@transaction.atomic
def save_tag(
    *,
    name: str,
    by: Viewer,
    description: str = "",
    is_active: bool = True,
    applies_itself: bool | None = None,
    tag: Tag | None = None,
) -> Tag:
    """Save a tag; without ``tag`` a new one. Conditions that name it follow a new name, and a job tells search.

    ``applies_itself`` lets the model put it on tickets without a person (None leaves that): a change takes ``settings.manage``.
    Raises ValidationError.
    """
    by.require("tickets.configure")
    row = Tag() if tag is None else Tag.objects.select_for_update().get(pk=tag.pk)
    try:
        wanted = tag_name(name)
    except ValidationError as error:
        raise ValidationError({"name": error.messages}) from error
    if Tag.objects.filter(name=wanted).exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("There is a tag with this name. Merge them instead.")})
    if applies_itself is None:
        applies_itself = row.applies_itself
    elif applies_itself != row.applies_itself:
        by.require("settings.manage")
    changes = apply_changes(
        row,
        name=wanted,
        description=description.strip(),
        is_active=is_active,
        applies_itself=applies_itself,
    )
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

    Conditions that name the tag name the other one from now on. Raises ValidationError for the same tag, for one that is not
    in use, and while a job works on the tag.
    """
    by.require("tickets.configure")
    row = Tag.objects.select_for_update().get(pk=tag.pk)
    _refuse_while_going(row)
    if into.pk == row.pk or not Tag.objects.select_for_update().get(pk=into.pk).is_active:
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


@transaction.atomic
def delete_tag(*, tag: Tag, by: Viewer) -> bool:
    """Delete a tag: at once when no ticket has it, else by a job that takes it off every ticket; it is out of use at once.

    Returns whether it is gone already. Raises ValidationError while a condition asks for it or a job works on it.
    """
    by.require("tickets.configure")
    row = Tag.objects.select_for_update().get(pk=tag.pk)
    _refuse_while_going(row)
    refuse_while_asked_for("tags", row.name, by=by)
    TAG_DELETED.record(by=by, subject_id=row.pk, detail={"name": row.name})
    Tag.objects.filter(pk=row.pk).update(is_active=False)
    if not TicketTag.objects.filter(tag=row).exists():
        row.delete()
        return True
    start_job(
        kind=MERGE_KIND,
        key=str(row.pk),
        by=by,
        params={"from": row.pk, "to": None},
        requested_by_id=by.user_id,
    )
    return False


def _refuse_while_going(tag: Tag) -> None:
    """A tag that a job takes away, or merges another one into, is left to it."""
    named = Q(params__from=tag.pk) | Q(params__to=tag.pk)
    if Job.objects.filter(named, kind=MERGE_KIND, state__in=OPEN).exists():
        raise ValidationError(
            _("Tickets are still being given another tag instead: wait until that is over.")
        )


def rename_in_conditions(before: str, after: str) -> int:
    """Name a tag anew in every stored condition on tickets; returns in how many it was."""
    changed = 0
    for row, condition in stored_conditions():
        if _renamed(condition, before, after):
            type(row)._default_manager.filter(pk=row.pk).update(condition=condition)
            changed += 1
    return changed


def _renamed(condition: dict[str, Any], before: str, after: str) -> bool:
    """Rename in place; says whether the tag was named."""
    found = False
    for clause in clauses(condition):
        if clause.get("field") == "tags" and before in clause["value"]:
            names = [after if name == before else name for name in clause["value"]]
            clause["value"][:] = list(dict.fromkeys(names))
            found = True
    return found
