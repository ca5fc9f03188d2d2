"""Keeps the ticket columns of accounts up to date."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import MESSAGE_RECEIVED, REPLIED, REPLY_UNDONE, STATUS_CHANGED, TICKET_CREATED
from tickets.models import Message
from tickets.services.count_open_tickets import count_open_tickets, note_touches, take_touches_back


class AccountCounts(Subscriber):
    """Counts again rather than up and down, so that a replay or a lost event heals itself."""

    key = "tickets.account_counts"
    label = _("Open tickets of accounts")
    verbs = frozenset(
        {TICKET_CREATED.verb, STATUS_CHANGED.verb, MESSAGE_RECEIVED.verb, REPLIED.verb, REPLY_UNDONE.verb}
    )

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write both columns of the accounts concerned."""
        counted = {
            event.account_id
            for event in events
            if event.account_id is not None and event.verb in {TICKET_CREATED.verb, STATUS_CHANGED.verb}
        }
        count_open_tickets(account_ids=counted)
        touched: dict[int, datetime] = {}
        gone = _taken_back(events)
        for event in events:
            if event.account_id is not None and _is_touch(event) and event.subject_id not in gone:
                latest = touched.get(event.account_id, event.occurred_at)
                touched[event.account_id] = max(latest, event.occurred_at)
        note_touches(touched=touched)
        take_touches_back(undone=_undone(events))


def _is_touch(event: Event) -> bool:
    """A person wrote or was written to; automatic messages touch nobody."""
    if event.verb == REPLIED.verb:
        return True
    return event.verb == MESSAGE_RECEIVED.verb and not (event.detail.data or {}).get("automatic", False)


def _taken_back(events: Sequence[Event]) -> set[int]:
    """The answers among these events that are no more: who takes an answer back deletes its message."""
    answers = {event.subject_id for event in events if event.verb == REPLIED.verb}
    if not answers:
        return set()
    return answers - set(Message.objects.filter(pk__in=answers).values_list("pk", flat=True))


def _undone(events: Sequence[Event]) -> dict[int, set[datetime]]:
    """By account the moments at which the answers were written that these events say were taken back."""
    messages = [
        int((event.detail.data or {}).get("message", 0))
        for event in events
        if event.verb == REPLY_UNDONE.verb
    ]
    found: dict[int, set[datetime]] = {}
    if messages:
        replied = Event.objects.filter(
            subject_kind="message", subject_id__in=messages, verb=REPLIED.verb, account_id__isnull=False
        )
        for account_id, at in replied.values_list("account_id", "occurred_at"):
            found.setdefault(account_id or 0, set()).add(at)
    return found
