"""Chooses the SLA policy again when something has changed that conditions ask about.

This is the one place for it: services that set priority or routing choose at once; everything else (tags, type, fields,
language, mood, assignee, account …) records its event and the promise follows. A calendar that was saved starts the job that
computes every deadline again.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.events import ACCOUNT_CHANGED, CONTACT_CHANGED, CONTACTS_MERGED, CONTACTS_UNMERGED
from people.events import CALENDAR_SAVED
from people.viewer import system_viewer
from tickets.events import (
    ASSIGNED,
    FIELDS_CHANGED,
    LANGUAGE_CHANGED,
    MESSAGE_RECEIVED,
    REPLIED,
    ROUTING_CORRECTED,
    SENTIMENT_CHANGED,
    STATUS_CHANGED,
    TAGS_CHANGED,
    TYPE_CHANGED,
    UNASSIGNED,
)
from tickets.models import SLAPolicy, Ticket
from tickets.services.recompute_sla import (
    BATCH,
    judged,
    next_of_customers,
    recompute_slice,
    start_recompute,
    start_recompute_of_customers,
)

_OF_TICKETS = frozenset(
    event_type.verb
    for event_type in (
        ASSIGNED, FIELDS_CHANGED, LANGUAGE_CHANGED, MESSAGE_RECEIVED, REPLIED, ROUTING_CORRECTED, SENTIMENT_CHANGED,
        STATUS_CHANGED, TAGS_CHANGED, TYPE_CHANGED, UNASSIGNED,
    )
)  # fmt: skip
_OF_CONTACTS = frozenset(
    event_type.verb for event_type in (CONTACT_CHANGED, CONTACTS_MERGED, CONTACTS_UNMERGED)
)


class PolicyChoice(Subscriber):
    """Looks at the living tickets concerned as they are now; a ticket whose promise is the same is not written.

    Each ticket is a transaction of its own, before the one that moves the position. Of a customer with many tickets the first
    are done at once and a job goes on.
    """

    key = "tickets.sla_policy"
    label = _("SLA policies of tickets")
    verbs = frozenset({*_OF_TICKETS, *_OF_CONTACTS, ACCOUNT_CHANGED.verb, CALENDAR_SAVED.verb})
    replayable = False

    def prepare(self, events: Sequence[Event]) -> int | None:
        """Move the deadlines of the tickets that the events are about; returns the id after which a job has to go on."""
        by = system_viewer("task")
        ids = {
            event.ticket_id for event in events if event.verb in _OF_TICKETS and event.ticket_id is not None
        }
        if ids:
            recompute_slice(judged(Ticket.objects.active().filter(pk__in=ids).order_by("pk")), by=by)
        accounts, contacts = _customers(events)
        if not accounts and not contacts:
            return None
        theirs = next_of_customers(accounts=accounts, contacts=contacts, after=0)
        recompute_slice(theirs, by=by)
        return theirs[-1].pk if len(theirs) == BATCH else None

    def apply(self, events: Sequence[Event], prepared: int | None) -> None:
        """Start the jobs for what is left."""
        by = system_viewer("task")
        if prepared is not None:
            accounts, contacts = _customers(events)
            start_recompute_of_customers(
                accounts=accounts,
                contacts=contacts,
                after=prepared,
                because=f"event:{events[-1].pk}",
                by=by,
            )
        for event in events:
            if event.verb == CALENDAR_SAVED.verb and _is_used(event.subject_id):
                start_recompute(by=by, because=f"calendar:{event.pk}")


def _customers(events: Sequence[Event]) -> tuple[list[int], list[int]]:
    """The accounts and the contacts that events are about."""
    accounts = {event.subject_id for event in events if event.verb == ACCOUNT_CHANGED.verb}
    contacts = {event.subject_id for event in events if event.verb in _OF_CONTACTS}
    return sorted(accounts), sorted(contacts)


def _is_used(calendar_id: int) -> bool:
    return SLAPolicy.objects.filter(calendar_id=calendar_id, is_active=True).exists()
