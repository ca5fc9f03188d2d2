"""What tickets show on the page of a person: calls, with numbers that dial."""

from django.utils.translation import gettext_lazy

from customers.models import Contact
from customers.phone_numbers import shown_number
from customers.registry import ContactSection
from people.viewer import Viewer
from tickets.calls import call_list, talk_time
from tickets.phone_lines import dial_url

SHOWN = 10


class CallsSection(ContactSection):
    """Numbers and the last calls."""

    key = "calls"
    label = gettext_lazy("Calls")
    order = 20
    permission = "tickets.view"
    template = "tickets/_contact_calls.html"

    def context(self, viewer: Viewer, contact: Contact) -> dict[str, object] | None:
        """Return numbers [(as people read it, address that dials)] and calls [(call, length)], the newest first."""
        numbers = [one.value for one in contact.identities.all() if one.kind == "phone"]
        calls = list(call_list(viewer, {"contact": str(contact.pk)})[:SHOWN])
        if not numbers and not calls:
            return None
        return {
            "contact": contact,
            "numbers": [(shown_number(one), dial_url(one)) for one in numbers],
            "calls": [(call, talk_time(call.duration_seconds)) for call in calls],
            "may_note": viewer.can("tickets.note"),
        }
