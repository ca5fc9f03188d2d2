"""Hands tickets on that need an act again while their owner is not there."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import STATUS_CHANGED
from tickets.services.assign_ticket import LOADING
from tickets.services.hand_over_tickets import settle_owner

OVER = ("resolved", "closed")


class OwnerAway(Subscriber):
    """Each ticket is a transaction of its own, before the one that moves the position; a repetition finds nothing to do."""

    key = "tickets.owner_away"
    label = _("Tickets of people who are not there")
    verbs = frozenset({STATUS_CHANGED.verb})
    replayable = False

    def prepare(self, events: Sequence[Event]) -> None:
        """Look at each ticket that came back to work."""
        for event in events:
            detail = event.detail.data or {}
            came_back = detail.get("to_category") in LOADING and detail.get("from_category") not in LOADING
            if came_back and event.ticket_id is not None:
                settle_owner(event.ticket_id, reopened=detail.get("from_category") in OVER)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
