"""Looks at accounts again in every segment when something has changed at them."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.events import (
    ACCOUNT_CHANGED,
    ACCOUNT_CREATED,
    CONTACT_CHANGED,
    CONTACT_CREATED,
    REVENUE_MOVED,
    SUBSCRIPTION_SAVED,
    TOUCH_LOGGED,
)
from customers.services.evaluate_segments import evaluate_accounts
from people.viewer import system_viewer

# What happens above is known by its verb only.
_ABOVE = {"health.band_changed", "tickets.created", "tickets.status_changed", "tickets.priority_changed"}


class SegmentsOfAccounts(Subscriber):
    """Evaluates again rather than by the event, so that a replay or a lost event heals itself."""

    key = "customers.segments"
    label = _("Segments of accounts")
    verbs = frozenset(
        {
            ACCOUNT_CREATED.verb,
            ACCOUNT_CHANGED.verb,
            CONTACT_CREATED.verb,
            CONTACT_CHANGED.verb,
            SUBSCRIPTION_SAVED.verb,
            REVENUE_MOVED.verb,
            TOUCH_LOGGED.verb,
            *_ABOVE,
        }
    )

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Look at the accounts of the events."""
        accounts = {event.account_id for event in events if event.account_id is not None}
        if accounts:
            evaluate_accounts(account_ids=accounts, by=system_viewer("subscriber"))
