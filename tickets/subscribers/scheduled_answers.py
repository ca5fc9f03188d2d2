"""Holds scheduled answers back when the customer writes first, or when the ticket is closed or merged."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import MERGED, MESSAGE_RECEIVED, STATUS_CHANGED
from tickets.services.schedule_answer import hold_scheduled


class ScheduledAnswers(Subscriber):
    """The outbox looks again before anything leaves; this makes the hold visible at once."""

    key = "tickets.scheduled_answers"
    label = _("Holding scheduled answers")
    verbs = frozenset({MESSAGE_RECEIVED.verb, STATUS_CHANGED.verb, MERGED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Hold what should not leave any more."""
        for event in events:
            if event.ticket_id is not None:
                hold_scheduled(ticket_id=event.ticket_id, cause=event)
