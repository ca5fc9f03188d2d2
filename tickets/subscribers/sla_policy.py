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
from tickets.services.recompute_sla import judged, recompute_slice, start_recompute

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
    """Looks at the living tickets concerned as they are now; a ticket whose promise is the same is not written."""

    key = "tickets.sla_policy"
    label = _("SLA policies of tickets")
    verbs = frozenset({*_OF_TICKETS, *_OF_CONTACTS, ACCOUNT_CHANGED.verb, CALENDAR_SAVED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Move the deadlines of the tickets that the events are about."""
        by = system_viewer("task")
        ids = {
            event.ticket_id for event in events if event.verb in _OF_TICKETS and event.ticket_id is not None
        }
        accounts = {event.subject_id for event in events if event.verb == ACCOUNT_CHANGED.verb}
        contacts = {event.subject_id for event in events if event.verb in _OF_CONTACTS}
        living = Ticket.objects.active()
        if accounts:
            ids |= set(living.filter(account_id__in=accounts).values_list("pk", flat=True))
        if contacts:
            ids |= set(living.filter(contact_id__in=contacts).values_list("pk", flat=True))
        if ids:
            recompute_slice(judged(living.filter(pk__in=ids)), by=by)
        for event in events:
            if event.verb == CALENDAR_SAVED.verb and _is_used(event.subject_id):
                start_recompute(by=by, because=f"calendar:{event.pk}")


def _is_used(calendar_id: int) -> bool:
    return SLAPolicy.objects.filter(calendar_id=calendar_id, is_active=True).exists()
