"""Addresses that a person wrote in messages and that we do not know it by: it may be somebody whom we know from elsewhere."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from customers.domains import normalise_address
from customers.models import Contact, ContactIdentity
from customers.phone_numbers import e164
from people.viewer import Viewer
from tickets.models import Message, Ticket
from tickets.recipients import own_addresses

# Messages and letters that are looked through.
MOST_MESSAGES = 20
LONGEST_TEXT = 4000
MOST_GIVEN = 5
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}")
_NUMBER = re.compile(r"\+\d[\d \-/().]{6,24}\d")


@dataclass(frozen=True)
class GivenAddress:
    """An address (``kind`` email or phone) from a message, and the contact that has it, None when nobody has."""

    kind: str
    value: str
    contact: Contact | None = None


def given_addresses(ticket: Ticket, viewer: Viewer) -> list[GivenAddress]:
    """Return what the requester has given in its latest messages here, those that somebody has first. At most four queries.

    Only what the requester wrote counts, and only whom the viewer may see. Anybody can write any address: it is a hint for
    people, never a proof.
    """
    contact = ticket.contact
    if contact.merged_into_id is not None or contact.erased_at is not None:
        return []
    said = Message.objects.filter(
        ticket=ticket, contact=contact, kind=Message.Kind.INBOUND, is_automatic=False
    ).exclude(channel="email")
    texts = [
        text[:LONGEST_TEXT]
        for text in said.order_by("-pk").values_list("body_text", flat=True)[:MOST_MESSAGES]
    ]
    found = {one for text in texts for one in read_addresses(text)}
    found -= {(one.kind, one.value) for one in contact.identities.all()}
    if not found:
        return []
    found -= {("email", address) for address in own_addresses()}
    rows = ContactIdentity.objects.filter(value__in=[value for _kind, value in found])
    visible = Contact.objects.visible_to(viewer).filter(merged_into=None, erased_at=None)
    holders = {
        (row.kind, row.value): row.contact
        for row in rows.filter(contact__in=visible).select_related("contact__account")
    }
    taken = set(rows.values_list("kind", "value"))
    given = [
        GivenAddress(kind, value, holders.get((kind, value)))
        for kind, value in sorted(found)
        if (kind, value) in holders or (kind, value) not in taken
    ]
    return sorted(given, key=lambda one: one.contact is None)[:MOST_GIVEN]


def read_addresses(text: str) -> list[tuple[str, str]]:
    """Return the e-mail addresses and international telephone numbers of a text as (kind, value), each once."""
    found: dict[tuple[str, str], None] = {}
    for written in _ADDRESS.findall(text):
        address = normalise_address(written)
        try:
            validate_email(address)
        except ValidationError:
            continue
        found["email", address] = None
    for written in _NUMBER.findall(text):
        number = e164(written)
        if number:
            found["phone", number] = None
    return list(found)
