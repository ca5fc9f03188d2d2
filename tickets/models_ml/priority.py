"""Learning how urgent a ticket is from what the customer writes."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from ml.classifiers import TextInput
from ml.registry import Example, TextTask
from tickets.models import Ticket
from tickets.models_ml.routing import MOST_ROWS, first_messages, labelled
from tickets.routing_inputs import FACTS
from tickets.ticket_facts import PRIORITY_TASK


class PriorityTask(TextTask):
    """Learns from the priority that finished tickets ended with; serves only when it beats "always the usual one"."""

    key = PRIORITY_TASK
    title = _("Priority")
    facts = FACTS
    has_subjects = True
    purpose = _("Suggests how urgent a new ticket is, from its first message.")
    limits = _("Learns what agents chose in the end, which also depends on what they knew from elsewhere.")

    def rows(self) -> Iterable[Example]:
        """First messages and priorities of the newest 20,000 resolved tickets."""
        done = Ticket.objects.filter(status_category__in=("resolved", "closed")).order_by("-pk")[:MOST_ROWS]
        return labelled(list(done), lambda ticket: (ticket.priority, "final_state"))

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, TextInput]:
        """The first messages of the tickets."""
        return first_messages(subject_ids)
