"""A ticket that is not there yet, as far as a form has been filled in: to say which custom fields it is going to have."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from customers.models import Contact, ContactIdentity
from people.models import Team, User
from people.viewer import Viewer
from tickets.custom_fields import active_fields, parse_value, shown_fields, stored_rows
from tickets.models import CustomField, FieldValue, Tag, Ticket, TicketTag, TicketType
from tickets.status_rows import status_of
from tickets.ticket_rows import RANKS


def sketch_ticket(
    *,
    subject: str = "",
    channel: str = "",
    contact_email: str = "",
    type: TicketType | None = None,
    tags: Iterable[str] = (),
    language: str = "",
    priority: str = "",
    team: Team | None = None,
    assignee: User | None = None,
    by: Viewer,
) -> Ticket:
    """Return a ticket that is not stored, as one opened from these values would be. Two queries."""
    now = timezone.now()
    contact = _contact(contact_email, by)
    status = status_of("new")
    chosen = Ticket.Priority(priority) if priority in Ticket.Priority.values else Ticket.Priority.NORMAL
    ticket = Ticket(
        number=0,
        subject=subject,
        channel=channel,
        account=None if contact is None else contact.account,
        type=type,
        status=status,
        status_category=status.category,
        priority=chosen,
        priority_rank=RANKS[chosen],
        team=team,
        assignee=assignee,
        language=language or ("" if contact is None else contact.language),
        created_at=now,
        updated_at=now,
        last_message_at=now,
        waiting_since=now,
        inbound_count=1,
    )
    ticket.contact = Contact() if contact is None else contact
    _cache(ticket)["ticket_tags"] = [TicketTag(tag=Tag(name=name)) for name in tags]
    return ticket


def _contact(email: str, by: Viewer) -> Contact | None:
    identities = ContactIdentity.objects.filter(kind="email", value=email.strip().lower())
    visible = Contact.objects.visible_to(by).filter(identities__in=identities)
    return visible.select_related("account").first() if email.strip() else None


def fields_of_sketch(ticket: Ticket, given: Mapping[str, Any], by: Viewer) -> list[CustomField]:
    """Return the custom fields that the ticket has with these values, by key; what is no value of its field counts as none.

    A value may show another field, so the values are put on the ticket first.
    """
    fields = active_fields()
    rows: list[FieldValue] = []
    for field in fields:
        if field.key in given:
            try:
                rows += stored_rows(field, ticket, parse_value(field, given[field.key], by))
            except ValidationError:
                continue
    _cache(ticket)["field_values"] = rows
    return shown_fields(ticket, fields)


def _cache(ticket: Ticket) -> dict[str, Any]:
    """Where Django keeps what is prefetched; relations of a row that is not stored can be given no other way."""
    cache: dict[str, Any] = ticket.__dict__.setdefault("_prefetched_objects_cache", {})
    return cache
