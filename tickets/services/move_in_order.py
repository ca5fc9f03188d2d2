"""Move a status, a type or a custom field up or down in the order of menus."""

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
def move_in_order(*, row: Ordered, up: bool, by: Viewer) -> None:
    """Exchange places with the neighbour above or below; at the end it stays."""
    by.require("settings.manage")
    model = type(row)
    rows: list[Ordered] = list(model._default_manager.select_for_update().all())
    at = next(place for place, one in enumerate(rows) if one.pk == row.pk)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    rows.insert(to, rows.pop(at))
    for place, one in enumerate(rows):
        if one.position != place:
            one.position = place
            one.save(update_fields=["position"])
    key = row.pk if isinstance(row, Status) else None
    _EVENTS[model].record(
        by=by,
        subject_id=0 if isinstance(row, Status) else row.pk,
        detail={"position": [at, to], **({"key": key} if key else {})},
    )
