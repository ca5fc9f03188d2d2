"""Holds scheduled answers back when the customer writes first, when the ticket is closed or merged, or when their writer may
not answer any more."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.events import API_KEY_REVOKED, USER_CHANGED, USER_DEACTIVATED
from tickets.events import MERGED, MESSAGE_RECEIVED, STATUS_CHANGED
from tickets.services.schedule_answer import hold_scheduled, hold_scheduled_of

_OF_PEOPLE = frozenset({USER_CHANGED.verb, USER_DEACTIVATED.verb})


class ScheduledAnswers(Subscriber):
    """The outbox looks again before anything leaves; this makes the hold visible at once."""

    key = "tickets.scheduled_answers"
    label = _("Holding scheduled answers")
    verbs = _OF_PEOPLE | {MESSAGE_RECEIVED.verb, STATUS_CHANGED.verb, MERGED.verb, API_KEY_REVOKED.verb}
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Hold what should not leave any more."""
        for event in events:
            if event.verb in _OF_PEOPLE:
                hold_scheduled_of(user_id=event.subject_id, cause=event)
            elif event.verb == API_KEY_REVOKED.verb:
                hold_scheduled_of(api_key_id=event.subject_id, cause=event)
            elif event.ticket_id is not None:
                hold_scheduled(ticket_id=event.ticket_id, cause=event)
