"""Learning which category a ticket belongs to; the category names the team."""

from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ml.models import Feedback
from ml.registry import TextTask
from tickets.models import Category, Ticket
from tickets.routing import ticket_texts
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND

MOST_ROWS = 20_000
CHUNK = 1_000


class RoutingTask(TextTask):
    """Learns from the category that tickets ended in, and from what agents said about the routing."""

    key = ROUTING_TASK
    title = _("Routing")

    def examples(self) -> tuple[Sequence[str], Sequence[str]]:
        """Texts and category names of the newest 20,000 tickets whose category somebody chose, confirmed or let stand."""
        names = dict(Category.objects.filter(is_active=True).values_list("pk", "name"))
        said = _last_words()
        done = Q(status_category__in=("resolved", "closed")) | Q(routing_state=Ticket.Routing.MANUAL)
        tickets = Ticket.objects.filter(Q(category__in=names) & done | Q(pk__in=said)).order_by("-pk")[
            :MOST_ROWS
        ]
        texts: list[str] = []
        labels: list[str] = []
        known = set(names.values())
        for chunk in in_chunks(list(tickets)[::-1]):
            for ticket, text in zip(chunk, ticket_texts(chunk), strict=True):
                label = said.get(ticket.pk) or names.get(ticket.category_id or 0, "")
                if label in known and text:
                    texts.append(text)
                    labels.append(label)
        return texts, labels


def in_chunks(tickets: Sequence[Ticket]) -> list[Sequence[Ticket]]:
    """Split for reading the messages of a thousand tickets at a time."""
    return [tickets[start : start + CHUNK] for start in range(0, len(tickets), CHUNK)]


def _last_words() -> dict[int, str]:
    """The last label that a person gave each ticket."""
    rows = Feedback.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND).order_by("pk")
    return dict(rows.values_list("subject_id", "label"))
