"""Calls with the person who asks: to call back, to hear what was said, to write one down."""

from django.utils.translation import gettext_lazy

from customers.phone_numbers import shown_number
from people.viewer import Viewer
from tickets.calls import call_list, talk_time
from tickets.models import Call, Ticket
from tickets.phone_lines import dial_url
from tickets.registry import TicketPanel

SHOWN = 5


class CallsPanel(TicketPanel):
    """The last calls of the contact, its numbers as links that dial."""

    key = "calls"
    label = gettext_lazy("Calls")
    icon = "phone"
    order = 35
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return numbers [(as people read it, address that dials)] and calls [(call, length)], the newest first."""
        numbers = [one.value for one in ticket.contact.identities.all() if one.kind == "phone"]
        calls = list(call_list(viewer, {"contact": str(ticket.contact_id)})[: SHOWN + 1])
        return {
            "numbers": [(shown_number(one), dial_url(one)) for one in numbers],
            "calls": [(call, talk_time(call.duration_seconds)) for call in calls[:SHOWN]],
            "has_more": len(calls) > SHOWN,
            "may_note": viewer.can("tickets.note"),
            "missed": (Call.State.MISSED, Call.State.VOICEMAIL),
        }
