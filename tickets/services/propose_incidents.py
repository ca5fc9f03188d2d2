"""Notice that new tickets of several customers say the same, and propose them as one incident."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.utils import timezone

from people.models import User
from people.roles import Role
from people.viewer import Viewer, system_viewer
from tickets.events import INCIDENT_PROPOSED
from tickets.models import Incident, IncidentTicket, Ticket
from tickets.similar_rules import SimilarRules, similar_rules

# A ticket joins an incident when it is near to so many of its tickets: one that is near to a single odd one does not.
NEAR_TO_JOIN = 2


class Near(Protocol):
    """A ticket and how near it is."""

    @property
    def subject_id(self) -> int:
        """The ticket."""

    @property
    def cosine(self) -> float:
        """The cosine of the two vectors."""


def propose_incidents(*, near: Mapping[int, Sequence[Near]], by: Viewer | None = None) -> list[Incident]:
    """Put tickets into incidents, by what is near to each; returns the incidents that are new or proposed again.

    A ticket is in one incident at most. Nothing is linked: that is for a person to say.
    """
    rules = similar_rules()
    if not (rules.is_on and rules.incidents):
        return []
    now = timezone.now()
    proposed = []
    for ticket_id in sorted(near):
        close = {one.subject_id: one.cosine for one in near[ticket_id] if one.cosine >= rules.threshold}
        if len(close) >= NEAR_TO_JOIN or len(close) >= rules.fewest - 1:
            incident = _place(ticket_id, close, rules, now, by or system_viewer("task"))
            if incident is not None:
                proposed.append(incident)
    return proposed


@transaction.atomic
def _place(
    ticket_id: int, close: Mapping[int, float], rules: SimilarRules, now: datetime, by: Viewer
) -> Incident | None:
    """Add one ticket to an incident of those near to it, or begin one with them."""
    since = now - timedelta(hours=rules.hours)
    rows = Ticket.objects.filter(pk__in=[ticket_id, *close], created_at__gte=since, merged_into=None)
    # Workers that look at the same tickets wait for each other here.
    tickets = {row.pk: row for row in rows.select_for_update().order_by("pk")}
    if ticket_id not in tickets or IncidentTicket.objects.filter(ticket=ticket_id).exists():
        return None
    taken = dict(
        IncidentTicket.objects.filter(ticket__in=tickets)
        .order_by("-incident_id")
        .values_list("ticket", "incident")
    )
    joins = next((one for one in taken.values() if list(taken.values()).count(one) >= NEAR_TO_JOIN), None)
    if joins is not None:
        incident = Incident.objects.select_for_update().get(pk=joins)
        _add(incident, {ticket_id: max(close[pk] for pk, of in taken.items() if of == joins)}, now)
        return _proposed_again(incident, now, by)
    free = {pk: row for pk, row in tickets.items() if pk not in taken}
    if len({row.contact_id for row in free.values()}) < rules.fewest:
        return None
    incident = Incident.objects.create(proposed_at=now)
    _add(incident, {pk: close.get(pk, max(close.values())) for pk in free}, now)
    _tell(incident, by)
    return incident


def _add(incident: Incident, cosines: Mapping[int, float], now: datetime) -> None:
    IncidentTicket.objects.bulk_create(
        IncidentTicket(incident=incident, ticket_id=pk, cosine=round(cosine, 4), added_at=now)
        for pk, cosine in sorted(cosines.items())
    )


def _proposed_again(incident: Incident, now: datetime, by: Viewer) -> Incident | None:
    """A dismissed incident that has grown to twice its size is asked about once more."""
    size = incident.members.count()
    if incident.state != Incident.State.DISMISSED or size < 2 * incident.decided_size:
        return None
    incident.state, incident.proposed_at = Incident.State.PROPOSED, now
    incident.save(update_fields=["state", "proposed_at"])
    _tell(incident, by)
    return incident


def _tell(incident: Incident, by: Viewer) -> None:
    members = list(incident.members.order_by("ticket_id").select_related("ticket"))
    first = members[0].ticket
    INCIDENT_PROPOSED.record(
        by=by,
        subject_id=first.pk,
        ticket_id=first.pk,
        account_id=first.account_id,
        detail={"incident": incident.pk, "tickets": len(members), "to": _leads(members)},
    )


def _leads(members: Sequence[IncidentTicket]) -> list[int]:
    """Who leads a team of the tickets; everybody who leads when none of the teams has a lead."""
    everybody = User.objects.filter(role=Role.LEAD, is_active=True).order_by("pk")
    teams = {one.ticket.team_id for one in members} - {None}
    own = everybody.filter(memberships__team__in=teams).distinct()
    return list((own if own.exists() else everybody).values_list("pk", flat=True))
