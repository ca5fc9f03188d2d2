"""The person who asks."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.models import ConsentEvent, Contact
from customers.selectors import consent_of
from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import TicketPanel
from tickets.selectors import visible_tickets


class ContactPanel(TicketPanel):
    """Address, role, local time, consent, tickets."""

    key = "contact"
    label = gettext_lazy("Contact")
    icon = "user"
    order = 30
    permission = "customers.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the contact, its local time and facts about it."""
        contact = ticket.contact
        count = visible_tickets(viewer).filter(contact_id=contact.pk).count()
        role = " · ".join(filter(None, (contact.title, contact.get_role_display() if contact.role else "")))
        facts = [
            (_("E-mail"), contact.email or _("none"), ""),
            (_("Role"), role or _("not known"), ""),
            (_("Tickets"), ngettext("%d ticket", "%d tickets", count) % count, ""),
        ]
        consent = consent_of(contact)
        return {
            "contact": contact,
            "facts": facts,
            "local_time": _local_time(contact, ticket),
            "consented": {ConsentEvent.Status.GRANTED: "yes", "": ""}.get(consent, "no"),
        }


def _local_time(contact: Contact, ticket: Ticket) -> str:
    """The time of day where the contact is, empty when that is not known."""
    name = contact.timezone or (ticket.account.timezone if ticket.account else "")
    if not name or name == "UTC":
        return ""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ""
    place = name.rpartition("/")[2].replace("_", " ")
    return _("%(time)s in %(place)s") % {
        "time": date_format(timezone.now().astimezone(zone), "H:i"),
        "place": place,
    }
