"""Whatever can move a score puts its account on the list; a task scores the list every three seconds."""

from collections.abc import Sequence
from typing import Any

from core.models import Event
from core.subscription import Subscriber
from health.services.score_due import mark_score_due


class MarkScoreDue(Subscriber):
    """Marks accounts whose usage, tickets, mood, people or contract changed."""

    key = "health.mark_score_due"
    label = "Marks accounts to score"
    verbs = frozenset(
        {
            "customers.account_created",
            "customers.account_changed",
            "customers.contact_changed",
            "customers.contacts_merged",
            "customers.revenue_moved",
            "customers.subscription_saved",
            "customers.touch_logged",
            "customers.usage_rolled_up",
            "tickets.created",
            "tickets.message_received",
            "tickets.rated",
            "tickets.replied",
            "tickets.reply_undone",
            "tickets.status_changed",
            "tickets.priority_changed",
            "tickets.sentiment_changed",
            "tickets.first_response_breached",
            "tickets.resolution_breached",
            "tickets.signal_seen",
            "tickets.signal_judged",
            "tickets.promise_broken",
        }
    )
    batch_size = 200

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Mark each account once per batch; marking twice is harmless."""
        reasons: dict[int, str] = {}
        for event in events:
            for account_id in _accounts_of(event):
                reasons[account_id] = event.verb
        for reason in sorted(set(reasons.values())):
            mark_score_due(account_ids=[pk for pk, verb in reasons.items() if verb == reason], reason=reason)


def _accounts_of(event: Event) -> list[int]:
    if event.verb == "customers.usage_rolled_up":
        return list((event.detail.data or {}).get("accounts", []))
    return [] if event.account_id is None else [event.account_id]
