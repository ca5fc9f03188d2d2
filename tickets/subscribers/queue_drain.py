"""Gives waiting tickets out as soon as somebody comes online."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.events import ABSENCE_CHANGED, AVAILABILITY_CHANGED
from tickets.events import STATUS_CHANGED
from tickets.services.assign_ticket import LOADING
from tickets.services.assign_waiting_tickets import assign_waiting_tickets

MOST_AT_ONCE = 50


class QueueDrain(Subscriber):
    """Looks at the queues rather than at the person: what is waiting may go to anybody. The rest follows by the clock.

    The work is done in ``prepare``, ticket by ticket in transactions of their own, and may be repeated.
    """

    key = "tickets.queue_drain"
    label = _("Waiting tickets")
    verbs = frozenset({AVAILABILITY_CHANGED.verb, ABSENCE_CHANGED.verb, STATUS_CHANGED.verb})
    replayable = False

    def prepare(self, events: Sequence[Event]) -> None:
        """Assign what can be assigned now."""
        if any(_frees(event) for event in events):
            assign_waiting_tickets(limit=MOST_AT_ONCE)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""


def _frees(event: Event) -> bool:
    """Whether somebody may have room now: came online or back, or has one ticket less to work on."""
    if event.verb != STATUS_CHANGED.verb:
        return True
    detail = event.detail.data or {}
    return detail.get("from_category") in LOADING and detail.get("to_category") not in LOADING
