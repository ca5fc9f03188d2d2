"""Routes each new ticket."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from ml.models import Prediction
from people.viewer import system_viewer
from tickets.events import TICKET_CREATED
from tickets.models import Ticket
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND


class Routing(Subscriber):
    """Asks the classifier outside the transaction, applies its suggestion inside; a routed ticket is left alone."""

    key = "tickets.routing"
    label = _("Routing")
    verbs = frozenset({TICKET_CREATED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> dict[int, object]:
        """Return the suggestion per ticket that has no prediction yet."""
        from tickets.routing import suggest_routing, ticket_texts

        ids = {event.subject_id for event in events}
        known = Prediction.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id__in=ids)
        fresh = ids - set(known.values_list("subject_id", flat=True))
        tickets = list(Ticket.objects.filter(pk__in=fresh).order_by("pk"))
        suggestions = suggest_routing(ticket_texts(tickets))
        return {ticket.pk: suggestion for ticket, suggestion in zip(tickets, suggestions, strict=True)}

    def apply(self, events: Sequence[Event], prepared: dict[int, object]) -> None:
        """Route them in their order."""
        from tickets.routing import RoutingSuggestion
        from tickets.services.route_ticket import route_ticket

        by = system_viewer("task")
        for event in events:
            suggestion = prepared.get(event.subject_id)
            if isinstance(suggestion, RoutingSuggestion):
                route_ticket(ticket_id=event.subject_id, suggestion=suggestion, by=by, cause=event)
