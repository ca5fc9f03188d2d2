"""What the ticket is linked to: parent and children, related ones, duplicates, follow-ups, merged ones."""

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.linked_tickets import links_of
from tickets.models import Ticket
from tickets.registry import TicketPanel


class LinkedTicketsPanel(TicketPanel):
    """Links, with the ways to add and remove them."""

    key = "linked"
    label = gettext_lazy("Linked tickets")
    icon = "link"
    order = 55
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the groups of links."""
        return {
            "groups": links_of(viewer, ticket),
            "may_link": viewer.can("tickets.edit") and ticket.merged_into_id is None,
        }
