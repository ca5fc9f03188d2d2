"""Indexes the tickets of a person or customer again when the name or an address has changed."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.search.documents import forget
from core.subscription import Subscriber
from customers.events import (
    ACCOUNT_CHANGED,
    CONTACT_CHANGED,
    CONTACT_ERASED,
    CONTACTS_MERGED,
    CONTACTS_UNMERGED,
    IDENTITY_ADDED,
)
from customers.models import Contact
from customers.services.export_contact import person_ids
from tickets.models import Ticket
from tickets.search_index import TICKET, index_tickets

# Of a customer with more tickets the newest are indexed at once; the rest keeps the former name until it changes.
MOST = 2_000


class SearchNames(Subscriber):
    """Index again rather than patch: a replay does no harm."""

    key = "tickets.search_names"
    label = _("Names in the search index")
    verbs = frozenset(
        event_type.verb
        for event_type in (
            ACCOUNT_CHANGED,
            CONTACT_CHANGED,
            CONTACT_ERASED,
            CONTACTS_MERGED,
            CONTACTS_UNMERGED,
            IDENTITY_ADDED,
        )
    )

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Index the tickets of each subject once."""
        for event in events:
            if event.verb == CONTACT_ERASED.verb:
                _forget_name(event.subject_id)
        named = [event for event in events if _renames(event)]
        accounts = {event.subject_id for event in named if event.verb == ACCOUNT_CHANGED.verb}
        contacts = {event.subject_id for event in named if event.verb != ACCOUNT_CHANGED.verb}
        for concerned in ({"contact_id__in": contacts}, {"account_id__in": accounts}):
            tickets = Ticket.objects.filter(**concerned).order_by("-pk")
            index_tickets(list(tickets.values_list("pk", flat=True)[:MOST]))


def _forget_name(contact_id: int) -> None:
    """Take the erased name out of the words of the index, too; the contact itself is erased after its tickets."""
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is not None:
        tickets = Ticket.objects.filter(contact_id__in=person_ids(contact))
        ids = list(tickets.values_list("pk", flat=True))
        forget(TICKET, ids)
        index_tickets(ids)


def _renames(event: Event) -> bool:
    """Whether the event changes what the documents of tickets say about people."""
    if event.verb not in {ACCOUNT_CHANGED.verb, CONTACT_CHANGED.verb}:
        return True
    return bool({"name", "account"} & set((event.detail.data or {}).get("changed", ())))
