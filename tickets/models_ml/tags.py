"""Learning which tags people put on tickets."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ml.label_sets import LabelSetTask, label_of
from ml.models import Feedback
from ml.registry import Example
from tickets.models import Ticket, TicketTag
from tickets.models_ml.routing import CHUNK, MOST_ROWS, labelled
from tickets.ticket_facts import SUBJECT_KIND, TAGS_TASK


class TagsTask(LabelSetTask):
    """Learns from the tags that finished tickets have, and from those that people accepted or dismissed."""

    key = TAGS_TASK
    title = _("Tags")
    purpose = _("Suggests tags for a new ticket, from its first message.")
    limits = _(
        "Knows only tags in use that at least 20 tickets have. A finished ticket without tags counts as one that needs none, so "
        "tags that people often forget are suggested too rarely."
    )

    def rows(self) -> Iterable[Example]:
        """First messages and tags of the newest 20,000 tickets that are finished, or whose suggestions people judged."""
        judged = Feedback.objects.filter(task=TAGS_TASK, subject_kind=SUBJECT_KIND).values("subject_id")
        done = Q(status_category__in=("resolved", "closed")) | Q(pk__in=judged)
        tickets = list(Ticket.objects.filter(done, merged_into=None).order_by("-pk")[:MOST_ROWS])
        tags = _tags_of([ticket.pk for ticket in tickets])
        return labelled(tickets, lambda ticket: (label_of(tags[ticket.pk]), "final_state"))


def _tags_of(ticket_ids: list[int]) -> defaultdict[int, list[str]]:
    """The tags in use of each ticket."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for start in range(0, len(ticket_ids), CHUNK):
        rows = TicketTag.objects.filter(ticket__in=ticket_ids[start : start + CHUNK], tag__is_active=True)
        for pk, name in rows.values_list("ticket_id", "tag__name"):
            found[pk].append(name)
    return found
