"""Put people in copy of a ticket's answers, and take them out."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.events import EventType
from customers.identities import Identity
from customers.models import Contact
from customers.services.save_contact import identify_contact
from people.viewer import Viewer
from tickets.events import CC_ADDED, CC_REMOVED
from tickets.message_text import one_line, storable
from tickets.models import CarbonCopy, Ticket
from tickets.recipients import own_addresses, without_tag
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def add_cc(
    *, ticket: Ticket, by: Viewer, email: str = "", name: str = "", contact: Contact | None = None
) -> CarbonCopy:
    """Let a contact get copies of the answers from now on; an unknown address becomes a contact that nobody has verified.

    Raises ValidationError naming ``email`` for what is no address, one of our own, or the requester's.
    """
    by.require("tickets.reply")
    locked = lock_ticket(ticket.pk, by)
    if contact is None:
        if without_tag(email.strip().lower()) in own_addresses():
            raise ValidationError({"email": _("This is an address of our own.")})
        contact = identify_contact(
            identity=Identity.email(storable(email)),
            name=one_line(storable(name), 160),
            by=by,
            verified=False,
        )
    if not contact.email:
        raise ValidationError({"email": _("%s has no e-mail address.") % contact})
    if contact.pk == locked.contact_id:
        raise ValidationError({"email": _("The requester gets every answer already.")})
    copy, created = CarbonCopy.objects.get_or_create(
        ticket=locked, contact=contact, defaults={"added_by_id": by.user_id}
    )
    if created or copy.removed_at is not None:
        copy.removed_at, copy.added_by_id = None, by.user_id
        copy.save(update_fields=["removed_at", "added_by"])
        _record(CC_ADDED, locked, contact, by)
    return copy


@transaction.atomic
def remove_cc(*, ticket: Ticket, contact: Contact, by: Viewer) -> None:
    """Keep a contact off the answers, also when a message of the customer copies the person."""
    by.require("tickets.reply")
    locked = lock_ticket(ticket.pk, by)
    copy, created = CarbonCopy.objects.get_or_create(
        ticket=locked, contact=contact, defaults={"removed_at": timezone.now()}
    )
    if not created and copy.removed_at is not None:
        return
    if not created:
        copy.removed_at = timezone.now()
        copy.save(update_fields=["removed_at"])
    _record(CC_REMOVED, locked, contact, by)


def _record(event_type: EventType, ticket: Ticket, contact: Contact, by: Viewer) -> None:
    event_type.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"contact": contact.pk},
    )
    save_ticket(ticket)
