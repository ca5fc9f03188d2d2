"""Escalates tickets by rules when something about them has changed, and ends what is over."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import (
    ASSIGNED,
    FIELDS_CHANGED,
    FIRST_RESPONSE_BREACHED,
    LANGUAGE_CHANGED,
    MESSAGE_RECEIVED,
    NEXT_RESPONSE_BREACHED,
    PRIORITY_CHANGED,
    RESOLUTION_BREACHED,
    ROUTED,
    ROUTING_CORRECTED,
    SENTIMENT_CHANGED,
    STATUS_CHANGED,
    TAGS_CHANGED,
    TICKET_CREATED,
    TYPE_CHANGED,
    UNASSIGNED,
)
from tickets.services.escalate_by_rules import end_with_tickets, escalate_by_events

_VERBS = frozenset(
    event_type.verb
    for event_type in (
        ASSIGNED, FIELDS_CHANGED, FIRST_RESPONSE_BREACHED, LANGUAGE_CHANGED, MESSAGE_RECEIVED, NEXT_RESPONSE_BREACHED,
        PRIORITY_CHANGED, RESOLUTION_BREACHED, ROUTED, ROUTING_CORRECTED, SENTIMENT_CHANGED, STATUS_CHANGED,
        TAGS_CHANGED, TICKET_CREATED, TYPE_CHANGED, UNASSIGNED,
    )
)  # fmt: skip


class EscalationRules(Subscriber):
    """Judges tickets as they are now, so an event that comes late or twice escalates nothing twice.

    Each ticket is a transaction of its own, before the one that moves the position.
    """

    key = "tickets.escalation_rules"
    label = _("Escalation rules")
    verbs = _VERBS
    replayable = False

    def prepare(self, events: Sequence[Event]) -> None:
        """End escalations of tickets that are over, then look at the rules."""
        changed = {
            event.ticket_id: event
            for event in events
            if event.verb == STATUS_CHANGED.verb and event.ticket_id is not None
        }
        if changed:
            end_with_tickets(list(changed), causes=changed)
        escalate_by_events(events)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
