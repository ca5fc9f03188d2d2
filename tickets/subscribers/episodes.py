"""Keeps the resolution episodes of tickets as their history says."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import (
    ASSIGNED,
    FIRST_RESPONSE_BREACHED,
    MERGED,
    MESSAGE_MOVED_AWAY,
    MESSAGE_MOVED_HERE,
    MESSAGE_RECEIVED,
    NEXT_RESPONSE_BREACHED,
    PRIORITY_CHANGED,
    REPLIED,
    REPLY_UNDONE,
    RESOLUTION_BREACHED,
    ROUTED,
    ROUTING_CORRECTED,
    SPLIT,
    STATUS_CHANGED,
    TICKET_CREATED,
    TIME_LOGGED,
    TYPE_CHANGED,
    UNASSIGNED,
    UNMERGED,
)
from tickets.services.build_episodes import build_episodes


class Episodes(Subscriber):
    """Derives the episodes of the tickets concerned anew, so that a replay or a lost event heals itself."""

    key = "tickets.episodes"
    label = _("Episodes of tickets")
    verbs = frozenset(
        {
            ASSIGNED.verb,
            FIRST_RESPONSE_BREACHED.verb,
            MERGED.verb,
            MESSAGE_MOVED_AWAY.verb,
            MESSAGE_MOVED_HERE.verb,
            MESSAGE_RECEIVED.verb,
            NEXT_RESPONSE_BREACHED.verb,
            PRIORITY_CHANGED.verb,
            REPLIED.verb,
            REPLY_UNDONE.verb,
            RESOLUTION_BREACHED.verb,
            ROUTED.verb,
            ROUTING_CORRECTED.verb,
            SPLIT.verb,
            STATUS_CHANGED.verb,
            TICKET_CREATED.verb,
            TIME_LOGGED.verb,
            TYPE_CHANGED.verb,
            UNASSIGNED.verb,
            UNMERGED.verb,
        }
    )
    batch_size = 200

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Build them; several events of one ticket cost as much as one."""
        build_episodes(ticket_ids={event.ticket_id for event in events if event.ticket_id is not None})
