"""Suggests tags for each new ticket."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from ml.models import Prediction
from people.viewer import system_viewer
from tickets.events import TICKET_CREATED
from tickets.models import Ticket
from tickets.ticket_facts import SUBJECT_KIND, TAGS_TASK


class Tagging(Subscriber):
    """Asks the model and stores its answer, each ticket in a transaction of its own; an answered ticket is left alone."""

    key = "tickets.tagging"
    label = _("Tag suggestions")
    verbs = frozenset({TICKET_CREATED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Suggest tags for the tickets that have no prediction yet."""
        from tickets.routing import ticket_texts
        from tickets.services.suggest_tags import suggest_tags
        from tickets.tagging import suggest_tags as asked

        causes = {event.subject_id: event for event in events}
        known = Prediction.objects.filter(
            task=TAGS_TASK, subject_kind=SUBJECT_KIND, subject_id__in=list(causes)
        )
        fresh = causes.keys() - set(known.values_list("subject_id", flat=True))
        tickets = list(Ticket.objects.filter(pk__in=fresh).order_by("pk"))
        answers = asked(ticket_texts(tickets), [ticket.pk for ticket in tickets])
        by = system_viewer("task")
        for ticket, suggestions in zip(tickets, answers, strict=True):
            if suggestions is not None:
                suggest_tags(ticket_id=ticket.pk, suggestions=suggestions, by=by, cause=causes[ticket.pk])

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
