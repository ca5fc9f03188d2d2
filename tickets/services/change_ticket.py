"""Change several things of a ticket at once, each by its own service."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.correct_routing import correct_routing
from tickets.services.set_properties import PROPERTIES, set_properties

CHANGEABLE = PROPERTIES | {"status", "priority", "assignee", "team", "category"}


@transaction.atomic
def change_ticket(*, ticket: Ticket, wanted: Mapping[str, Any], by: Viewer) -> None:
    """Change those of CHANGEABLE that are named; all of it or nothing.

    Each needs the permission of its service. Raises ValidationError naming the field.
    """
    # Routing comes first, because it may move the assignee.
    if "team" in wanted or "category" in wanted:
        correct_routing(ticket=ticket, category=wanted.get("category"), team=wanted.get("team"), by=by)
    if "priority" in wanted:
        change_priority(ticket=ticket, priority=wanted["priority"], by=by)
    if "assignee" in wanted:
        assign_ticket(ticket=ticket, assignee=wanted["assignee"], by=by)
    # What is required to resolve may come with the status.
    set_properties(ticket=ticket, wanted=wanted, by=by)
    if "status" in wanted:
        change_status(ticket=ticket, status=wanted["status"], by=by)
