"""The checklist of a ticket: add a step, change it, tick it, move it, take it away."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import CHECKLIST_CHANGED
from tickets.message_text import storable
from tickets.models import ChecklistItem, Ticket
from tickets.ticket_rows import lock_ticket, save_ticket

MOST_STEPS = 100
LONGEST_STEP = 200


@transaction.atomic
def add_step(*, ticket: Ticket, text: str, by: Viewer) -> ChecklistItem:
    """Add a step at the end; raises ValidationError for an empty or too long one, and for too many."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    wanted = step_text(text)
    present = list(locked.checklist.all())
    if len(present) >= MOST_STEPS:
        raise ValidationError({"text": _("A checklist has at most %d steps.") % MOST_STEPS})
    item = ChecklistItem.objects.create(
        ticket=locked, text=wanted, position=max((one.position for one in present), default=-1) + 1
    )
    _record(locked, by, "added", item)
    return item


@transaction.atomic
def change_step(
    *, item: ChecklistItem, by: Viewer, text: str | None = None, is_done: bool | None = None
) -> ChecklistItem:
    """Change the words of a step, tick or untick it; does nothing when nothing changes. Raises ValidationError."""
    by.require("tickets.edit")
    locked = lock_ticket(item.ticket_id, by)
    row = ChecklistItem.objects.get(pk=item.pk, ticket=locked)
    acts: list[str] = []
    if text is not None and step_text(text) != row.text:
        row.text = step_text(text)
        acts.append("changed")
    if is_done is not None and is_done != (row.done_at is not None):
        row.done_at = timezone.now() if is_done else None
        row.done_by_id = by.user_id if is_done else None
        acts.append("done" if is_done else "undone")
    if acts:
        row.save()
        _record(locked, by, acts[-1], row)
    return row


@transaction.atomic
def move_step(*, item: ChecklistItem, place: int, by: Viewer) -> None:
    """Put a step at a place, counted from 0; beyond the ends it is first or last."""
    by.require("tickets.edit")
    locked = lock_ticket(item.ticket_id, by)
    steps = list(locked.checklist.all())
    at = next(number for number, one in enumerate(steps) if one.pk == item.pk)
    to = max(0, min(place, len(steps) - 1))
    if at == to:
        return
    steps.insert(to, steps.pop(at))
    for number, one in enumerate(steps):
        if one.position != number:
            ChecklistItem.objects.filter(pk=one.pk).update(position=number)
    _record(locked, by, "moved", steps[to])


@transaction.atomic
def delete_step(*, item: ChecklistItem, by: Viewer) -> None:
    """Take a step off the list."""
    by.require("tickets.edit")
    locked = lock_ticket(item.ticket_id, by)
    row = ChecklistItem.objects.get(pk=item.pk, ticket=locked)
    _record(locked, by, "removed", row)
    row.delete()


def step_text(text: str) -> str:
    """Return the words of a step as they are stored; raises ValidationError."""
    wanted = " ".join(storable(text).split())
    if not wanted:
        raise ValidationError({"text": _("Say what is to be done.")})
    if len(wanted) > LONGEST_STEP:
        raise ValidationError({"text": _("A step has at most %d letters.") % LONGEST_STEP})
    return wanted


def step_texts(lines: Sequence[Any]) -> list[str]:
    """Return the steps that a type starts with, each once; raises ValidationError."""
    steps = list(dict.fromkeys(step_text(str(line)) for line in lines if str(line).strip()))
    if len(steps) > MOST_STEPS:
        raise ValidationError({"text": _("A checklist has at most %d steps.") % MOST_STEPS})
    return steps


def _record(ticket: Ticket, by: Viewer, act: str, item: ChecklistItem) -> None:
    CHECKLIST_CHANGED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"act": act, "item": item.pk, "text": item.text},
    )
    save_ticket(ticket)
