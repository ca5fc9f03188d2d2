"""Set several properties of a ticket at once, each by its own service."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.services.change_language import change_language
from tickets.services.change_tags import replace_tags
from tickets.services.change_type import change_type
from tickets.services.set_field_values import set_field_values
from tickets.services.snooze_ticket import snooze_ticket, wake_ticket

PROPERTIES = frozenset({"type", "tags", "language", "fields", "snoozed_until"})


@transaction.atomic
def set_properties(*, ticket: Ticket, wanted: Mapping[str, Any], by: Viewer) -> None:
    """Set those of PROPERTIES that are named, the fields after what decides on which fields there are; all of it or nothing.

    ``tags`` are all tags of the ticket, ``fields`` custom fields by key, ``snoozed_until`` None takes the ticket back. Raises
    ValidationError naming the property, or ``field:<key>``.
    """
    if "type" in wanted:
        change_type(ticket=ticket, type=wanted["type"], by=by)
    if "tags" in wanted:
        replace_tags(ticket=ticket, names=wanted["tags"], by=by)
    if "language" in wanted:
        change_language(ticket=ticket, language=wanted["language"], by=by)
    if wanted.get("fields"):
        set_field_values(ticket=ticket, values=wanted["fields"], by=by)
    if wanted.get("snoozed_until") is not None:
        snooze_ticket(ticket=ticket, until=wanted["snoozed_until"], by=by)
    elif "snoozed_until" in wanted:
        wake_ticket(ticket=ticket, by=by)
