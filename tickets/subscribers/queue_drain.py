"""Gives waiting tickets out as soon as somebody comes online."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.events import AVAILABILITY_CHANGED
from tickets.services.assign_waiting_tickets import assign_waiting_tickets

MOST_AT_ONCE = 50


class QueueDrain(Subscriber):
    """Looks at the queues rather than at the person: what is waiting may go to anybody. The rest follows by the clock."""

    key = "tickets.queue_drain"
    label = _("Waiting tickets")
    verbs = frozenset({AVAILABILITY_CHANGED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Assign what can be assigned now."""
        assign_waiting_tickets(limit=MOST_AT_ONCE)
