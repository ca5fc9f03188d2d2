"""Reads our answers for promises, and copies signals anew where messages have come or gone."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.viewer import system_viewer
from tickets.events import (
    MERGE_RECEIVED,
    MERGE_RELEASED,
    MERGED,
    MESSAGE_MOVED_AWAY,
    MESSAGE_MOVED_HERE,
    REPLIED,
    REPLY_UNDONE,
    UNMERGED,
)
from tickets.models import Ticket
from tickets.services.note_promises import note_promises, recount_promises

_MOVED = frozenset(
    event.verb
    for event in (
        MERGED,
        MERGE_RECEIVED,
        MERGE_RELEASED,
        UNMERGED,
        MESSAGE_MOVED_AWAY,
        MESSAGE_MOVED_HERE,
        REPLY_UNDONE,
    )
)

# Answers of an installation from before promises were read, and what a long outage left: nobody is told of their days now.
OLDEST = timedelta(days=3)


class Promises(Subscriber):
    """Rules, no model: cheap enough for the queue of events."""

    key = "tickets.promises"
    label = _("Promises in answers")
    verbs = frozenset({REPLIED.verb, *_MOVED})

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Handle each event in its order; a repetition finds the promises, and old answers are not read."""
        by, oldest = system_viewer("subscriber"), timezone.now() - OLDEST
        for event in events:
            if event.verb == REPLIED.verb and event.occurred_at >= oldest:
                note_promises(message_id=event.subject_id, by=by, cause=event)
        moved = {event.ticket_id for event in events if event.verb in _MOVED and event.ticket_id is not None}
        for ticket_id in sorted(Ticket.objects.filter(pk__in=moved).values_list("pk", flat=True)):
            recount_promises(ticket_id=ticket_id)
