"""Reads of what says the same as a ticket: similar tickets with how they were answered, macros, the incident it may be part of.

Everything was found before by an ml worker and is stored; here it is only read, as far as the viewer sees it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, Max, OuterRef, Prefetch, QuerySet

from customers.models import Account
from ml.models import SubjectVector
from people.viewer import Viewer
from tickets.families import family_of
from tickets.macro_lists import OfferedMacro, macros_for
from tickets.message_text import one_line
from tickets.models import Incident, IncidentTicket, Message, SimilarTickets, Status, Ticket, TicketLink
from tickets.rich_text import without_marks

TICKET_VECTORS = "ticket"
MACRO_VECTORS = "macro"
MACRO_NAME_VECTORS = "macro_name"
SHOWN = 5
SHOWN_MACROS = 3
ANSWER_LENGTH = 240
INCIDENT_STATES = ("open", "resolved", "dismissed")
_OVER = (Status.Category.RESOLVED, Status.Category.CLOSED)


@dataclass(frozen=True)
class SimilarTicket:
    """A ticket that says something like it; ``answer`` is the last answer to it, None when nobody has answered."""

    ticket: Ticket
    cosine: float
    answer: Message | None

    @property
    def is_solved(self) -> bool:
        """Whether it is over."""
        return self.ticket.status_category in _OVER

    @property
    def percent(self) -> int:
        """The cosine in words that people know."""
        return round(100 * self.cosine)

    @property
    def excerpt(self) -> str:
        """The beginning of the answer, on one line."""
        return "" if self.answer is None else one_line(without_marks(self.answer.body_text), ANSWER_LENGTH)


@dataclass(frozen=True)
class Similar:
    """What stands beside a ticket. ``searched_at`` is None before an ml worker has looked; ``searched`` of ``total`` tickets
    were compared."""

    tickets: tuple[SimilarTicket, ...] = ()
    macros: tuple[tuple[OfferedMacro, float], ...] = ()
    searched_at: datetime | None = None
    searched: int = 0
    total: int = 0


@dataclass(frozen=True)
class IncidentShown:
    """An incident as a viewer sees it: its visible tickets, oldest first, and those that are not linked yet."""

    incident: Incident
    tickets: tuple[Ticket, ...]
    unlinked: tuple[Ticket, ...]

    @property
    def customers(self) -> int:
        """How many different people wrote."""
        return len({one.contact_id for one in self.tickets})

    @property
    def still_open(self) -> int:
        """How many of the tickets are not over."""
        return sum(one.status_category not in _OVER for one in self.tickets)

    @property
    def first_at(self) -> datetime:
        """When the first of them came."""
        return min(one.created_at for one in self.tickets)

    @property
    def last_at(self) -> datetime:
        """When the last of them came."""
        return max(one.created_at for one in self.tickets)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The companies that are touched, the most valuable first."""
        found = {one.account_id: one.account for one in self.tickets if one.account is not None}
        return tuple(sorted(found.values(), key=lambda one: (-one.arr, one.pk)))

    @property
    def arr(self) -> dict[str, Decimal]:
        """Their yearly revenue by currency, each company once."""
        sums: dict[str, Decimal] = {}
        for one in self.accounts:
            sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.arr
        return sums


def similar_to(
    viewer: Viewer, ticket: Ticket, *, limit: int = SHOWN, without: Collection[int] = ()
) -> Similar:
    """Return what was found near a ticket, as far as the viewer sees it: solved tickets first, each group nearest first.

    Tickets of the same family, erased ones and those of ``without`` are left out. At most eight queries.
    """
    row = SimilarTickets.objects.filter(ticket=ticket).first()
    if row is None:
        return Similar()
    cosines = {int(pk): float(cosine) for pk, cosine in row.tickets}
    known = SubjectVector.objects.filter(subject_kind=TICKET_VECTORS, subject_id__in=list(cosines))
    left_out = {*family_of(ticket), ticket.merged_into_id, *without}
    alive = set(known.values_list("subject_id", flat=True)) - left_out
    rows = Ticket.objects.visible_to(viewer).filter(pk__in=alive, merged_into=None)
    found = sorted(
        rows.select_related("status", "assignee"),
        key=lambda one: (one.status_category not in _OVER, -cosines[one.pk], one.pk),
    )[:limit]
    answers = last_answers(found)
    return Similar(
        tuple(SimilarTicket(one, cosines[one.pk], answers.get(one.pk)) for one in found),
        _macros(viewer, ticket, {int(pk): float(cosine) for pk, cosine in row.macros}),
        row.searched_at,
        row.searched,
        row.total,
    )


def last_answers(tickets: list[Ticket]) -> dict[int, Message]:
    """Return the last answer of a person to each ticket that has one. Two queries."""
    said = Message.objects.filter(
        ticket__in=[one.pk for one in tickets], kind=Message.Kind.OUTBOUND, is_automatic=False
    ).exclude(body_text="")
    newest = said.values("ticket").annotate(last=Max("pk")).values_list("last", flat=True)
    rows = Message.objects.filter(pk__in=list(newest)).select_related("author") if tickets else []
    return {row.ticket_id: row for row in rows}


def _macros(
    viewer: Viewer, ticket: Ticket, cosines: Mapping[int, float]
) -> tuple[tuple[OfferedMacro, float], ...]:
    """The best macros among those that the viewer is offered on the ticket."""
    if not cosines:
        return ()
    offered = {one.macro.pk: one for one in macros_for(viewer, ticket, limit=1_000)}
    return tuple((offered[pk], cosine) for pk, cosine in cosines.items() if pk in offered)[:SHOWN_MACROS]


def incidents_for(viewer: Viewer) -> QuerySet[Incident]:
    """Return the incidents with a ticket that the viewer sees, ready for ``shown_incident``: three queries more."""
    visible = Ticket.objects.visible_to(viewer).filter(merged_into=None)
    parents = TicketLink.objects.filter(kind=TicketLink.Kind.PARENT)
    tickets = visible.select_related("status", "account").prefetch_related(
        Prefetch("links_in", queryset=parents, to_attr="parent_links")
    )
    members = IncidentTicket.objects.filter(ticket__in=visible).order_by("ticket__created_at", "ticket_id")
    return (
        Incident.objects.filter(Exists(visible.filter(incident_member__incident=OuterRef("pk"))))
        .select_related("ticket")
        .prefetch_related(
            Prefetch(
                "members",
                queryset=members.prefetch_related(Prefetch("ticket", queryset=tickets)),
                to_attr="seen_members",
            )
        )
    )


def incidents_in(viewer: Viewer, state: str) -> QuerySet[Incident]:
    """Return those of ``incidents_for`` in a state of ``INCIDENT_STATES``, the newest first.

    One is resolved when all of its tickets that the viewer sees are over; one that is dismissed is neither open nor resolved.
    """
    found = incidents_for(viewer).order_by("-pk")
    if state == "dismissed":
        return found.filter(state=Incident.State.DISMISSED)
    going_on = Exists(
        Ticket.objects.visible_to(viewer).filter(
            incident_member__incident=OuterRef("pk"), merged_into=None, status_category__in=Status.ACTIVE
        )
    )
    kept = found.exclude(state=Incident.State.DISMISSED)
    return kept.filter(going_on) if state == "open" else kept.exclude(going_on)


def shown_incident(incident: Incident) -> IncidentShown:
    """Return one of ``incidents_for`` as its viewer sees it. No query."""
    seen: list[IncidentTicket] = incident.seen_members  # type: ignore[attr-defined]
    tickets = tuple(member.ticket for member in seen)
    unlinked = tuple(one for one in tickets if not one.parent_links and one.pk != incident.ticket_id)  # type: ignore[attr-defined]
    return IncidentShown(incident, tickets, unlinked)


def incident_of(viewer: Viewer, ticket: Ticket) -> IncidentShown | None:
    """Return the incident that a ticket is part of and that is not dismissed; None with fewer than two visible tickets."""
    rows = incidents_for(viewer).filter(members__ticket=ticket)
    incident = rows.exclude(state=Incident.State.DISMISSED).first()
    shown = None if incident is None else shown_incident(incident)
    return shown if shown is not None and len(shown.tickets) > 1 else None
