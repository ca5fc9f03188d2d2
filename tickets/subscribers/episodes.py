"""Keeps the resolution episodes of tickets as their history says."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import (
    ASSIGNED,
    FIRST_RESPONSE_BREACHED,
    MESSAGE_RECEIVED,
    PRIORITY_CHANGED,
    REPLIED,
    RESOLUTION_BREACHED,
    ROUTED,
    ROUTING_CORRECTED,
    STATUS_CHANGED,
    TICKET_CREATED,
    UNASSIGNED,
)
from tickets.services.build_episodes import NEXT_RESPONSE_BREACHED, TYPE_CHANGED, build_episodes


class Episodes(Subscriber):
    """Derives the episodes of the tickets concerned anew, so that a replay or a lost event heals itself."""

    key = "tickets.episodes"
    label = _("Episodes of tickets")
    verbs = frozenset(
        {
            TICKET_CREATED.verb,
            MESSAGE_RECEIVED.verb,
            REPLIED.verb,
            STATUS_CHANGED.verb,
            PRIORITY_CHANGED.verb,
            ASSIGNED.verb,
            UNASSIGNED.verb,
            ROUTED.verb,
            ROUTING_CORRECTED.verb,
            FIRST_RESPONSE_BREACHED.verb,
            RESOLUTION_BREACHED.verb,
            NEXT_RESPONSE_BREACHED,
            TYPE_CHANGED,
        }
    )
    batch_size = 200

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Build them; several events of one ticket cost as much as one."""
        build_episodes(ticket_ids={event.ticket_id for event in events if event.ticket_id is not None})
