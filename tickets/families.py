"""Tickets that were merged are one family: where a merged ticket goes on, and what a ticket has taken in.

Merging only sets a pointer (``Ticket.merged_into``), rows stay where they are; so everything that belongs to a
conversation is read over the family.
"""

from django.db.models.expressions import RawSQL

from people.viewer import Viewer, system_viewer
from tickets.models import Ticket

# UNION drops what was found before, so that even a circle would come to an end.
_DOWNWARDS = """
    WITH RECURSIVE family(id) AS (
        SELECT CAST(%s AS bigint)
        UNION
        SELECT merged.id FROM tickets_ticket merged JOIN family ON merged.merged_into_id = family.id
    )
    SELECT id FROM family
"""


def merge_target(ticket: Ticket) -> Ticket:
    """Return the ticket in which a ticket goes on: itself unless it was merged, else the end of the chain.

    One query per merge in the chain; a circle, which services never make, ends where it closes.
    """
    seen = {ticket.pk}
    while ticket.merged_into is not None and ticket.merged_into_id not in seen:
        ticket = ticket.merged_into
        seen.add(ticket.pk)
    return ticket


def family_of(ticket: Ticket, viewer: Viewer | None = None) -> dict[int, int]:
    """Return the numbers, by id, of a ticket and of all that was merged into it, also through others.

    With ``viewer`` only of those that the viewer may see. No query when nothing was merged into the ticket, else one.
    """
    if not ticket.merged_count:
        return {ticket.pk: ticket.number}
    found = Ticket.objects.visible_to(viewer or system_viewer()).filter(pk__in=family_ids(ticket))
    return {ticket.pk: ticket.number} | dict(found.values_list("pk", "number"))


def family_ids(ticket: Ticket) -> RawSQL | list[int]:
    """The ids of the family for ``…__in`` of another query; costs none of its own."""
    if not ticket.merged_count:
        return [ticket.pk]
    return RawSQL(_DOWNWARDS, [ticket.pk])  # noqa: S611 - a constant text with one parameter
