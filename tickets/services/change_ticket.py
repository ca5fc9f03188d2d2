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
from tickets.sight import destination, loses_sight, refuse_out_of_sight, refuse_stranger

CHANGEABLE = PROPERTIES | {"status", "priority", "assignee", "team", "category"}


@transaction.atomic
def change_ticket(
    *, ticket: Ticket, wanted: Mapping[str, Any], by: Viewer, may_lose_sight: bool = False
) -> None:
    """Change those of CHANGEABLE that are named; all of it or nothing.

    Each needs the permission of its service. A private team of others is refused, unless whoever asks ``may_lose_sight`` of the
    ticket. Raises ValidationError naming the field.
    """
    name, team = destination(wanted)
    leaves = team is not None and team.pk != ticket.team_id and loses_sight(by, team)
    if leaves and not may_lose_sight:
        refuse_out_of_sight(name, team, by)
    if leaves and wanted.get("assignee") is not None:
        refuse_stranger(wanted["assignee"], team)
    # Routing comes first, because it may move the assignee; but last where nothing can be changed after it.
    if not leaves:
        _route(ticket, wanted, by)
    if "priority" in wanted:
        change_priority(ticket=ticket, priority=wanted["priority"], by=by)
    if "assignee" in wanted:
        assign_ticket(ticket=ticket, assignee=wanted["assignee"], by=by)
    # What is required to resolve may come with the status.
    set_properties(ticket=ticket, wanted=wanted, by=by)
    if "status" in wanted:
        change_status(ticket=ticket, status=wanted["status"], by=by)
    if leaves:
        _route(ticket, wanted, by)


def _route(ticket: Ticket, wanted: Mapping[str, Any], by: Viewer) -> None:
    if "team" in wanted or "category" in wanted:
        correct_routing(ticket=ticket, category=wanted.get("category"), team=wanted.get("team"), by=by)
