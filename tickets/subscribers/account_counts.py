"""Keeps the ticket columns of accounts up to date."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import MESSAGE_RECEIVED, REPLIED, STATUS_CHANGED, TICKET_CREATED
from tickets.services.count_open_tickets import count_open_tickets, note_touches


class AccountCounts(Subscriber):
    """Counts again rather than up and down, so that a replay or a lost event heals itself."""

    key = "tickets.account_counts"
    label = _("Open tickets of accounts")
    verbs = frozenset({TICKET_CREATED.verb, STATUS_CHANGED.verb, MESSAGE_RECEIVED.verb, REPLIED.verb})

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write both columns of the accounts concerned."""
        counted = {
            event.account_id
            for event in events
            if event.account_id is not None and event.verb in {TICKET_CREATED.verb, STATUS_CHANGED.verb}
        }
        count_open_tickets(account_ids=counted)
        touched: dict[int, datetime] = {}
        for event in events:
            if event.account_id is not None and _is_touch(event):
                latest = touched.get(event.account_id, event.occurred_at)
                touched[event.account_id] = max(latest, event.occurred_at)
        note_touches(touched=touched)


def _is_touch(event: Event) -> bool:
    """A person wrote or was written to; automatic messages touch nobody."""
    if event.verb == REPLIED.verb:
        return True
    return event.verb == MESSAGE_RECEIVED.verb and not (event.detail.data or {}).get("automatic", False)
