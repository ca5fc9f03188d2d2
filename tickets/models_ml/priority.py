"""Learning how urgent a ticket is from what the customer writes."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from ml.registry import TextTask
from tickets.models import Ticket
from tickets.models_ml.routing import MOST_ROWS, in_chunks
from tickets.routing import ticket_texts
from tickets.ticket_facts import PRIORITY_TASK


class PriorityTask(TextTask):
    """Learns from the priority that finished tickets ended with; serves only when it beats "always the usual one"."""

    key = PRIORITY_TASK
    title = _("Priority")

    def examples(self) -> tuple[Sequence[str], Sequence[str]]:
        """Texts and priorities of the newest 20,000 resolved tickets."""
        done = Ticket.objects.filter(status_category__in=("resolved", "closed")).order_by("-pk")[:MOST_ROWS]
        texts: list[str] = []
        labels: list[str] = []
        for chunk in in_chunks(list(done)[::-1]):
            for ticket, text in zip(chunk, ticket_texts(chunk), strict=True):
                if text:
                    texts.append(text)
                    labels.append(ticket.priority)
        return texts, labels
