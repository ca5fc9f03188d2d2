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
    """Asks the classifier and routes each ticket in a transaction of its own; a routed ticket is left alone.

    Tickets of a batch belong to several teams, whose people are locked while one is chosen: held together, two workers would
    wait for each other. The prediction of a ticket is stored with its routing, so a repetition finds nothing to do.
    """

    key = "tickets.routing"
    label = _("Routing")
    verbs = frozenset({TICKET_CREATED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Route the tickets that have no prediction yet, in the order of their ids."""
        from tickets.routing import suggest_routing
        from tickets.routing_inputs import ticket_inputs
        from tickets.services.route_ticket import Destinations, route_ticket

        causes = {event.subject_id: event for event in events}
        known = Prediction.objects.filter(
            task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id__in=list(causes)
        )
        fresh = causes.keys() - set(known.values_list("subject_id", flat=True))
        tickets = list(Ticket.objects.filter(pk__in=fresh).order_by("pk"))
        suggestions = suggest_routing(ticket_inputs(tickets), [ticket.pk for ticket in tickets])
        by, destinations = system_viewer("task"), Destinations()
        for ticket, suggestion in zip(tickets, suggestions, strict=True):
            route_ticket(
                ticket_id=ticket.pk,
                suggestion=suggestion,
                by=by,
                cause=causes[ticket.pk],
                destinations=destinations,
            )

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
