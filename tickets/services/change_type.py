"""Change the type of a ticket, and with it the steps it starts with."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import TYPE_CHANGED
from tickets.models import ChecklistItem, Ticket, TicketType
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def change_type(*, ticket: Ticket, type: TicketType | None, by: Viewer) -> Ticket:
    """Give the ticket a type, or none; does nothing when it has it already.

    The steps of the type are added to the checklist, those of the former type that nobody has done go. Raises
    ValidationError for a type that is not in use.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    if locked.type_id == (None if type is None else type.pk):
        return locked
    if type is not None and not type.is_active:
        raise ValidationError({"type": _("%s is not in use any more.") % type})
    before = locked.type
    locked.type = type
    _bring_steps(locked)
    TYPE_CHANGED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={
            "from": None if before is None else before.pk,
            "to": locked.type_id,
            "name": "" if type is None else type.name,
        },
    )
    save_ticket(locked)
    return locked


def _bring_steps(ticket: Ticket) -> None:
    """Exchange the undone steps of the former type for those of the present one."""
    ticket.checklist.filter(done_at=None).exclude(from_type=None).delete()
    if ticket.type is None:
        return
    present = set(ticket.checklist.values_list("text", flat=True))
    steps = [text for text in ticket.type.checklist if text not in present]
    # The type's own steps come first, what people wrote keeps its order after them.
    ChecklistItem.objects.bulk_create(
        ChecklistItem(ticket=ticket, text=text, position=place, from_type=ticket.type)
        for place, text in enumerate(steps)
    )
    others = ticket.checklist.exclude(from_type=ticket.type, done_at=None).order_by("position", "pk")
    for place, item in enumerate(others, start=len(steps)):
        ChecklistItem.objects.filter(pk=item.pk).update(position=place)
