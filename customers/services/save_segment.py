"""Save and delete segments."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from customers.events import SEGMENT_DELETED, SEGMENT_SAVED
from customers.models import Segment
from customers.segments import check_definition
from customers.services.evaluate_segments import evaluate_segment
from people.viewer import Viewer

MOST_SEGMENTS = 200
# Up to so many accounts a new definition is applied at once; above, the periodic task does it within its next ticks.
AT_ONCE = 20_000


def may_change_segment(segment: Segment, by: Viewer) -> bool:
    """Say whether the viewer may change a segment: the own one as who edits customers, any shared one as a lead."""
    if not by.can("customers.edit"):
        return False
    own = by.user_id is not None and segment.owner_id == by.user_id
    return own or (segment.is_shared and (segment.owner_id is None or by.can("success.manage")))


@transaction.atomic
def save_segment(
    *,
    by: Viewer,
    name: str,
    definition: object,
    description: str = "",
    is_shared: bool = True,
    segment: Segment | None = None,
) -> Segment:
    """Save a segment; without ``segment`` a new one of the viewer. Its ledger follows (``customers.services.evaluate_segments``).

    Needs ``customers.edit``. Raises ValidationError naming the field, PermissionDenied.
    """
    by.require("customers.edit")
    row = Segment() if segment is None else Segment.objects.select_for_update().get(pk=segment.pk)
    if segment is None:
        if Segment.objects.count() >= MOST_SEGMENTS:
            raise ValidationError(
                {"name": _("There are %d segments already: delete one first.") % MOST_SEGMENTS}
            )
        row.owner_id = by.user_id
    elif not may_change_segment(row, by):
        raise PermissionDenied(_("Only its owner, or a lead, may change this segment."))
    if not is_shared and by.user_id is None:
        raise ValidationError({"is_shared": _("An integration keeps shared segments only.")})
    values: dict[str, Any] = {
        "name": _name(name, row),
        "description": description.replace("\x00", "").strip()[:300],
        "is_shared": is_shared,
        "definition": _definition(definition, by),
    }
    if row.pk and row.definition != values["definition"]:
        row.revision += 1
    changes = apply_changes(row, **values)
    row.save()
    if changes or segment is None:
        SEGMENT_SAVED.record(by=by, subject_id=row.pk, detail={"name": row.name, **changes})
    if row.evaluated_revision != row.revision:
        evaluate_segment(segment=row, by=by, at_most=AT_ONCE)
    return row


def _name(name: str, row: Segment) -> str:
    wanted = name.replace("\x00", "").strip()
    if not wanted or len(wanted) > 80:
        raise ValidationError({"name": _("Give a name of at most 80 characters.")})
    if Segment.objects.filter(name__iexact=wanted).exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("There is such a segment.")})
    return wanted


def _definition(definition: object, by: Viewer) -> dict[str, Any]:
    try:
        return check_definition(definition, by)
    except ValidationError as error:
        raise ValidationError({"definition": error.messages}) from error


@transaction.atomic
def delete_segment(*, segment: Segment, by: Viewer) -> None:
    """Delete a segment with its ledger; the accounts stay."""
    row = Segment.objects.select_for_update().get(pk=segment.pk)
    if not may_change_segment(row, by):
        raise PermissionDenied(_("Only its owner, or a lead, may delete this segment."))
    SEGMENT_DELETED.record(by=by, subject_id=row.pk, detail={"name": row.name})
    row.delete()
