"""Why a ticket is thought to be about something, in what an agent knows: where tickets that say the same went, and what a later
message is about. Read beside the page, not with it; the nearest tickets were found before by an ml worker."""

from dataclasses import dataclass

from ml.models import Prediction, SubjectVector
from people.viewer import Viewer
from tickets.families import family_of
from tickets.models import SimilarTickets, Status, Ticket, TopicChange
from tickets.similar import TICKET_VECTORS
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND

NEAREST = 5
_OVER = (Status.Category.RESOLVED, Status.Category.CLOSED)


@dataclass(frozen=True)
class SolvedTicket:
    """A solved ticket that says something like it, and what it was about in the end."""

    ticket: Ticket
    cosine: float
    category: str


@dataclass(frozen=True)
class RoutingReasons:
    """The nearest solved tickets that the viewer may see; ``agree`` of them went to ``suggested`` ("" without a suggestion).

    ``topic`` is a change of topic that waits for a decision, None without one.
    """

    suggested: str
    solved: tuple[SolvedTicket, ...]
    topic: TopicChange | None

    @property
    def agree(self) -> int:
        """How many of the solved tickets went to what is suggested."""
        return sum(one.category == self.suggested for one in self.solved)


def routing_reasons(viewer: Viewer, ticket: Ticket) -> RoutingReasons:
    """Return the reasons as far as the viewer sees the tickets behind them. At most six queries."""
    kept = Prediction.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk)
    topics = TopicChange.objects.filter(ticket=ticket, state=TopicChange.State.PROPOSED)
    topic = topics.exclude(category=ticket.category_id).select_related("category__team", "message").first()
    suggested = kept.values_list("label", flat=True).first() or ""
    return RoutingReasons(suggested, _solved(viewer, ticket) if suggested else (), topic)


def _solved(viewer: Viewer, ticket: Ticket) -> tuple[SolvedTicket, ...]:
    row = SimilarTickets.objects.filter(ticket=ticket).first()
    if row is None:
        return ()
    cosines = {int(pk): float(cosine) for pk, cosine in row.tickets}
    known = SubjectVector.objects.filter(subject_kind=TICKET_VECTORS, subject_id__in=list(cosines))
    alive = set(known.values_list("subject_id", flat=True)) - {*family_of(ticket)}
    found = (
        Ticket.objects.visible_to(viewer)
        .filter(pk__in=alive, merged_into=None, status_category__in=_OVER, category__isnull=False)
        .select_related("category")
    )
    nearest = sorted(found, key=lambda one: (-cosines[one.pk], one.pk))[:NEAREST]
    return tuple(
        SolvedTicket(one, cosines[one.pk], one.category.name) for one in nearest if one.category is not None
    )
