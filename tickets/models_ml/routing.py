"""Learning which category a ticket belongs to; the category names the team."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ml.classifiers import TextInput
from ml.classifiers.beside import Input, text_of
from ml.models import Feedback, Prediction
from ml.registry import Example, ShownSubject, TextTask
from ml.serving.answers import Fallback
from people.viewer import Viewer
from tickets.models import Category, Ticket, TopicChange
from tickets.routing import NOTHING, by_description, ticket_texts
from tickets.routing_inputs import FACTS, past_inputs
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND

MOST_ROWS = 20_000
CHUNK = 1_000


class RoutingTask(TextTask):
    """Learns from the category that tickets ended in, and from what agents said about the routing."""

    key = ROUTING_TASK
    audits_per_week = 140
    title = _("Routing")
    labels_are_words = True
    facts = FACTS
    has_subjects = True
    purpose = _("Suggests the category of a new ticket, and with it the team, from its first message.")
    limits = _("Knows only categories that tickets ended in; what it has never seen goes to triage.")

    def rows(self) -> Iterable[Example]:
        """First messages and categories of the newest 20,000 tickets whose category somebody chose, confirmed or let stand."""
        names = dict(Category.objects.filter(is_active=True).values_list("pk", "name"))
        said, first = _last_words(), _first_topics()
        done = Q(status_category__in=("resolved", "closed")) | Q(routing_state=Ticket.Routing.MANUAL)
        tickets = Ticket.objects.filter(
            Q(category__in=names) & done & ~_kind_open() | Q(pk__in=said)
        ).order_by("-pk")
        known = set(names.values())

        def label(ticket: Ticket) -> tuple[str, str]:
            last = said.get(ticket.pk)
            if last is not None:
                return (last[0] if last[0] in known else "", last[1])
            return names.get(first.get(ticket.pk, ticket.category_id) or 0, ""), "final_state"

        return labelled(list(tickets[:MOST_ROWS]), label)

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, TextInput]:
        """The first messages of the tickets, with what stood beside them."""
        return first_messages(subject_ids)

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> Mapping[int, ShownSubject]:
        """The first messages of the tickets that the viewer may see."""
        tickets = list(Ticket.objects.visible_to(viewer).filter(pk__in=subject_ids))
        return {
            ticket.pk: ShownSubject(ticket.subject, text, reverse("inbox-ticket", args=[ticket.pk]))
            for ticket, text in zip(tickets, ticket_texts(tickets), strict=True)
        }

    def choices(self) -> Sequence[str]:
        """The categories in use."""
        return list(Category.objects.filter(is_active=True).order_by("name").values_list("name", flat=True))

    def fallback(self, inputs: Sequence[Input], *, failure: str = "") -> Fallback:
        """Compare with the descriptions of the categories; people choose while the machine is slow, as that needs the encoder."""
        if failure == Prediction.Failure.SLOW:
            return Fallback(NOTHING, [None] * len(inputs))
        return Fallback(*by_description([text_of(given) for given in inputs]))


def first_messages(ticket_ids: Sequence[int]) -> dict[int, TextInput]:
    """What a classifier reads of each ticket that is there, as it was when it came."""
    tickets = list(Ticket.objects.filter(pk__in=ticket_ids))
    return {ticket.pk: given for ticket, given in zip(tickets, past_inputs(tickets), strict=True)}


def labelled(tickets: Sequence[Ticket], label_of: Callable[[Ticket], tuple[str, str]]) -> Iterator[Example]:
    """One row per ticket with a text and a label, the messages of a thousand read at a time.

    ``label_of`` gives label and source. The conversations of one contact stay on one side of a split.
    """
    for start in range(0, len(tickets), CHUNK):
        chunk = tickets[start : start + CHUNK]
        for ticket, given in zip(chunk, past_inputs(chunk), strict=True):
            label, source = label_of(ticket)
            if given.text and label:
                yield Example(
                    subject_id=ticket.pk,
                    label=label,
                    at=ticket.created_at,
                    text=given.text,
                    features=given.facts,
                    group=f"contact:{ticket.contact_id}",
                    slices={"channel": ticket.channel},
                    label_source=source,
                )


def _kind_open() -> Q:
    """Tickets that went to a parent category because the model was unsure of the kind: that they stayed there tells nothing."""
    unsure = Prediction.objects.filter(
        task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=OuterRef("pk"), abstained=True
    )
    return Q(Exists(unsure), routing_state=Ticket.Routing.ROUTED)


def _first_topics() -> dict[int, int | None]:
    """The category of tickets whose topic changed later: what their first message was about."""
    followed = TopicChange.objects.filter(state=TopicChange.State.FOLLOWED)
    return dict(followed.values_list("ticket_id", "first_category_id"))


def _last_words() -> dict[int, tuple[str, str]]:
    """The last label that a person gave each ticket, and how."""
    rows = Feedback.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND).order_by("pk")
    return {pk: (label, source) for pk, label, source in rows.values_list("subject_id", "label", "source")}
