"""Give a status, a type or a custom field another place in the order of menus."""

from typing import Literal

from django.db import transaction

from core.events import EventType
from people.viewer import Viewer
from tickets.events import FIELD_SAVED, STATUS_SAVED, TYPE_SAVED
from tickets.models import CustomField, Status, TicketType

Ordered = Status | TicketType | CustomField

_EVENTS: dict[type[Ordered], EventType] = {
    Status: STATUS_SAVED,
    TicketType: TYPE_SAVED,
    CustomField: FIELD_SAVED,
}


@transaction.atomic
def move_in_order(*, row: Ordered, to: int | Literal["up", "down"], by: Viewer) -> None:
    """Move to a place, counted from 0, or past the neighbour above or below; beyond an end it stays at that end."""
    by.require("tickets.configure")
    model = type(row)
    rows: list[Ordered] = list(model._default_manager.select_for_update().all())
    at = next(place for place, one in enumerate(rows) if one.pk == row.pk)
    wanted = at - 1 if to == "up" else at + 1 if to == "down" else to
    place = min(max(wanted, 0), len(rows) - 1)
    if place == at:
        return
    rows.insert(place, rows.pop(at))
    for position, one in enumerate(rows):
        if one.position != position:
            one.position = position
            one.save(update_fields=["position"])
    key = row.pk if isinstance(row, Status) else None
    _EVENTS[model].record(
        by=by,
        subject_id=0 if isinstance(row, Status) else row.pk,
        detail={"position": [at, place], **({"key": key} if key else {})},
    )
