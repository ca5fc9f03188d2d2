"""Asks customers after a solution, and does not when the ticket comes back."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import STATUS_CHANGED
from tickets.services.build_episodes import build_episodes
from tickets.services.plan_survey import plan_surveys, withdraw_surveys


class SatisfactionSurveys(Subscriber):
    """Looks at tickets as they are now, not as the event found them; so a late delivery asks nobody in vain."""

    key = "tickets.satisfaction"
    label = _("Satisfaction surveys")
    verbs = frozenset({STATUS_CHANGED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Withdraw and plan. The subscriber of episodes may be behind this one, so they are built first."""
        ids = {event.ticket_id for event in events if event.ticket_id is not None}
        build_episodes(ticket_ids=ids)
        withdraw_surveys(ticket_ids=ids)
        plan_surveys(ticket_ids=ids)
