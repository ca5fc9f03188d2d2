"""Keeps the counters of views up to date."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.events import EventType
from core.job_runner import start_job
from core.models import Event
from core.subscription import Subscriber
from customers.events import ACCOUNT_CHANGED
from people.events import TEAM_SAVED
from people.viewer import system_viewer
from tickets import events as ticket_events
from tickets.services.count_views import count_tickets, tickets_of_accounts


def _verbs() -> frozenset[str]:
    """Everything that happens to tickets, and what of customers and teams decides who counts."""
    declared = [one for one in vars(ticket_events).values() if isinstance(one, EventType)]
    own = {one.verb for one in declared if one.subject in {"ticket", "message"}}
    return frozenset(own | {ACCOUNT_CHANGED.verb, TEAM_SAVED.verb})


class ViewCounts(Subscriber):
    """Reads the changed tickets again and applies the difference, so that a replay or a lost event heals itself."""

    key = "tickets.view_counts"
    label = _("Counters of views")
    verbs = _verbs()
    batch_size = 100

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Count the tickets concerned again; a team that turned private has all of its tickets counted by a job."""
        ids = {event.ticket_id for event in events if event.ticket_id is not None}
        accounts = {event.account_id for event in events if event.verb == ACCOUNT_CHANGED.verb}
        ids.update(tickets_of_accounts({one for one in accounts if one is not None}))
        count_tickets(ticket_ids=ids)
        if any(event.verb == TEAM_SAVED.verb for event in events):
            start_job(kind="tickets.recount_views", key="all", by=system_viewer("subscriber"))
