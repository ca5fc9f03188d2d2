"""Say that an address which a customer gave in a message is its own: added to the contact, or both contacts are one person."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import Contact
from customers.services.merge_contacts import merge_contacts
from customers.services.save_contact import add_identity
from people.viewer import Viewer
from tickets.given_addresses import given_addresses
from tickets.models import Ticket
from tickets.search_index import index_ticket
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def take_given_address(*, ticket: Ticket, kind: str, value: str, by: Viewer) -> Contact:
    """Merge the requester into the contact that has the address, or add the address; returns the contact that speaks for both.

    A ticket without a customer gets that of the contact. Raises ValidationError for an address that was not given here.
    """
    by.require("customers.edit")
    locked = lock_ticket(ticket.pk, by)
    given = next((one for one in given_addresses(locked, by) if (one.kind, one.value) == (kind, value)), None)
    if given is None:
        raise ValidationError({"value": _("This address was not given here, or it is settled already.")})
    if given.contact is None:
        add_identity(contact=locked.contact, kind=kind, value=value, by=by)
        return locked.contact
    merge_contacts(source=locked.contact, target=given.contact, by=by)
    if locked.account_id is None and given.contact.account_id is not None:
        locked.account = given.contact.account
        save_ticket(locked)
        index_ticket(locked.pk)
    return given.contact
