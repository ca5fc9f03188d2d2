"""Types of tickets: add, change, take out of use, delete."""

from collections.abc import Collection, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Skill
from people.viewer import Viewer
from tickets.events import TYPE_DELETED, TYPE_SAVED
from tickets.models import CustomField, Ticket, TicketType
from tickets.services.edit_checklist import step_texts
from tickets.stored_conditions import refuse_while_asked_for


@transaction.atomic
def save_ticket_type(
    *,
    name: str,
    by: Viewer,
    description: str = "",
    checklist: Sequence[str] = (),
    required_skills: Collection[Skill] | None = None,
    is_active: bool = True,
    type: TicketType | None = None,
) -> TicketType:
    """Save a type; without ``type`` a new one, the last in the order. Raises ValidationError naming the field.

    ``checklist`` are the steps that a ticket gets with the type; tickets that have it keep theirs. ``required_skills`` are
    what its tickets need in teams that go by skills; None leaves them.
    """
    by.require("tickets.configure")
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
    if required_skills is not None:
        before = sorted(row.required_skills.values_list("pk", flat=True))
        after = sorted(skill.pk for skill in required_skills)
        if before != after:
            row.required_skills.set(after)
            changes["required_skills"] = [before, after]
    if changes or type is None:
        TYPE_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def delete_ticket_type(*, type: TicketType, by: Viewer) -> None:
    """Delete a type that no ticket has; raises ValidationError for one in use by tickets, custom fields or conditions."""
    by.require("tickets.configure")
    row = TicketType.objects.select_for_update().get(pk=type.pk)
    if Ticket.objects.filter(type=row).exists():
        raise ValidationError(_("Tickets have this type. Take it out of use instead."))
    # A field that loses its only type would be on every ticket.
    own = CustomField.objects.filter(types=row).first()
    if own is not None:
        raise ValidationError(_("The field “%s” is for tickets of this type: change that first.") % own)
    refuse_while_asked_for("type", str(row.pk), by=by)
    TYPE_DELETED.record(by=by, subject_id=row.pk, detail={"name": row.name})
    row.delete()
