"""Create or change a type of tickets."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.viewer import Viewer
from tickets.events import TYPE_SAVED
from tickets.models import TicketType
from tickets.services.edit_checklist import step_texts


@transaction.atomic
def save_ticket_type(
    *,
    name: str,
    by: Viewer,
    description: str = "",
    checklist: Sequence[str] = (),
    is_active: bool = True,
    type: TicketType | None = None,
) -> TicketType:
    """Save a type; without ``type`` a new one, the last in the order. Raises ValidationError naming the field.

    ``checklist`` are the steps that a ticket gets with the type; tickets that have it keep theirs.
    """
    by.require("settings.manage")
    row = TicketType() if type is None else TicketType.objects.select_for_update().get(pk=type.pk)
    if type is None:
        last = TicketType.objects.aggregate(last=Max("position"))["last"]
        row.position = 0 if last is None else last + 1
    try:
        steps = step_texts(checklist)
    except ValidationError as error:
        raise ValidationError({"checklist": error.messages}) from error
    if TicketType.objects.filter(name__iexact=name.strip()).exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("Another type is called so.")})
    changes = apply_changes(
        row, name=name.strip(), description=description.strip(), checklist=steps, is_active=is_active
    )
    row.full_clean()
    row.save()
    if changes or type is None:
        TYPE_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row
