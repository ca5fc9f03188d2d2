"""The person who asks."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.models import ConsentEvent, Contact
from customers.phone_numbers import shown_number
from customers.selectors import consent_of
from people.viewer import Viewer
from tickets.given_addresses import given_addresses
from tickets.models import Ticket
from tickets.registry import TicketPanel, channel_parts
from tickets.selectors import visible_tickets


class ContactPanel(TicketPanel):
    """Every address and handle, role, local time, consent, tickets; and addresses given in messages that may be the same
    person's."""

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
            (_("Role"), role or _("not known"), ""),
            (_("Tickets"), ngettext("%d ticket", "%d tickets", count) % count, ""),
        ]
        consent = consent_of(contact)
        return {
            "contact": contact,
            "identities": _identities(contact),
            "given": given_addresses(ticket, viewer),
            "may_edit": viewer.can("customers.edit"),
            "facts": facts,
            "local_time": _local_time(contact, ticket),
            "consented": {ConsentEvent.Status.GRANTED: "yes", "": ""}.get(consent, "no"),
        }


_ICONS = {"email": "mail", "phone": "phone", "user": "user"}


def _identities(contact: Contact) -> list[tuple[str, str, str]]:
    """(icon, what it is, address) of the person's addresses, those of who took the contact over included."""
    rows = [
        row
        for one in {contact.pk: contact, contact.person.pk: contact.person}.values()
        for row in one.identities.all()
    ]
    shown = []
    for row in rows:
        icon, name = (
            channel_parts(row.network) if row.network else (_ICONS.get(row.kind, "message-circle"), "")
        )
        address = shown_number(row.value) if row.kind == "phone" else row.shown
        shown.append((icon, name or str(row.get_kind_display()), address))
    return shown


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
