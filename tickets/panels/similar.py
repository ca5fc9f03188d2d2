"""What says the same: solved tickets with their answers, macros, and the incident that the ticket may be part of."""

from typing import Any

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Incident, Status, Ticket
from tickets.registry import TicketPanel
from tickets.similar import IncidentShown, incident_of, similar_to
from tickets.similar_rules import similar_rules


class SimilarTicketsPanel(TicketPanel):
    """Found by an ml worker when the ticket came, and again within the hour while it is open."""

    key = "similar"
    label = gettext_lazy("Similar tickets")
    icon = "copy"
    order = 45
    permission = "tickets.view"

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """As long as similar tickets are looked for."""
        return super().visible_to(viewer, ticket) and similar_rules().is_on

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return tickets, macros and the incident."""
        may_work = ticket.merged_into_id is None
        incident = incident_of(viewer, ticket)
        proposed = incident is not None and incident.incident.state == Incident.State.PROPOSED
        # What is proposed stands above in full.
        without = [one.pk for one in incident.tickets] if incident is not None and proposed else []
        return {
            "similar": similar_to(viewer, ticket, without=without),
            "may_reply": viewer.can("tickets.reply") and may_work,
            "may_note": viewer.can("tickets.note") and may_work,
            **_incident_parts(viewer, ticket, incident),
        }


def _incident_parts(viewer: Viewer, ticket: Ticket, shown: IncidentShown | None) -> dict[str, Any]:
    """The incident, whether it is decided, and on its first ticket the linked ones that are still open."""
    if shown is None:
        return {"incident": None}
    is_top = shown.incident.state == Incident.State.CONFIRMED and shown.incident.ticket_id == ticket.pk
    linked = [one for one in shown.tickets if one.pk != ticket.pk and one not in shown.unlinked]
    return {
        "incident": shown,
        "is_confirmed": shown.incident.state == Incident.State.CONFIRMED,
        "is_top": is_top,
        # Not told to who does not see it.
        "top": next((one for one in shown.tickets if one.pk == shown.incident.ticket_id), None),
        "waiting": [one for one in linked if is_top and one.status_category in Status.ACTIVE],
        "may_decide": viewer.can("tickets.edit"),
    }
