"""Learns what new tickets and changed macros say, so that what says the same is found."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import MACRO_DELETED, MACRO_SAVED, TICKET_CREATED
from tickets.similar_rules import similar_rules


class SimilarTicketsSearch(Subscriber):
    """Encodes and searches outside transactions and writes in short ones; a repetition finds the same vectors stored."""

    key = "tickets.similar"
    label = _("Similar tickets")
    verbs = frozenset({TICKET_CREATED.verb, MACRO_SAVED.verb, MACRO_DELETED.verb})
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Learn the macros first: they are found beside the tickets of the same batch."""
        from tickets.services.find_similar import learn_macros, learn_tickets

        if not similar_rules().is_on:
            return
        of_tickets = {event.subject_id for event in events if event.verb == TICKET_CREATED.verb}
        of_macros = {event.subject_id for event in events if event.verb != TICKET_CREATED.verb}
        if of_macros:
            learn_macros(of_macros)
        if of_tickets:
            learn_tickets(of_tickets)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
