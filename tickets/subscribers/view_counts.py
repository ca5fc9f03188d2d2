"""Keeps the counters of views up to date."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.events import EventType
from core.job_runner import start_job
from core.models import Event
from core.subscription import Subscriber
from customers.events import ACCOUNT_CHANGED, CONTACT_CHANGED, CONTACT_ERASED
from people.events import TEAM_SAVED
from people.viewer import system_viewer
from tickets import events as ticket_events
from tickets.services.count_views import BATCH, count_tickets, next_of_customers

_OF_CONTACTS = frozenset({CONTACT_CHANGED.verb, CONTACT_ERASED.verb})


def _verbs() -> frozenset[str]:
    """Everything that happens to tickets, and what of customers, contacts and teams decides who counts."""
    declared = [one for one in vars(ticket_events).values() if isinstance(one, EventType)]
    own = {one.verb for one in declared if one.subject in {"ticket", "message"}}
    return frozenset(own | _OF_CONTACTS | {ACCOUNT_CHANGED.verb, TEAM_SAVED.verb})


class ViewCounts(Subscriber):
    """Reads the changed tickets again and applies the difference, so that a replay or a lost event heals itself."""

    key = "tickets.view_counts"
    label = _("Counters of views")
    verbs = _verbs()
    batch_size = 100

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Count the tickets concerned again.

        When a customer has more of them than fit into this transaction, a job goes on; a team that turned private has all
        tickets counted by one.
        """
        ids = {event.ticket_id for event in events if event.ticket_id is not None}
        accounts = sorted({event.subject_id for event in events if event.verb == ACCOUNT_CHANGED.verb})
        contacts = sorted({event.subject_id for event in events if event.verb in _OF_CONTACTS})
        theirs = next_of_customers(accounts=accounts, contacts=contacts, after=0)
        count_tickets(ticket_ids=ids.union(theirs))
        if len(theirs) == BATCH:
            start_job(
                kind="tickets.count_customers",
                key=f"event:{events[-1].pk}",
                by=system_viewer("subscriber"),
                params={"accounts": accounts, "contacts": contacts, "after": theirs[-1]},
            )
        if any(event.verb == TEAM_SAVED.verb for event in events):
            start_job(kind="tickets.recount_views", key="all", by=system_viewer("subscriber"))
