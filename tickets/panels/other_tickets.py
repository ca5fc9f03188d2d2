"""What else the customer has asked."""

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Status, Ticket
from tickets.registry import TicketPanel
from tickets.selectors import other_tickets


class OtherTicketsPanel(TicketPanel):
    """The newest other tickets of the account, or of the contact without one."""

    key = "other-tickets"
    label = gettext_lazy("Other tickets")
    icon = "inbox"
    order = 60
    permission = "tickets.view"

    def template_name(self) -> str:
        """The template of the list."""
        return "tickets/_panels/other_tickets.html"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return up to five rows, each with its status in words."""
        found = other_tickets(viewer, ticket)
        return {"others": [(row, Status.Category(row.status_category).label) for row in found]}
