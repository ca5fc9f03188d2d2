"""Give a ticket to a person: the one rule for every path, by hand or by balance."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import Actor
from core.models import Event
from people.models import Team, User
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.events import ASSIGNED, UNASSIGNED
from tickets.models import Ticket
from tickets.ticket_rows import lock_ticket, save_ticket

WORKING_ROLES = sorted(role for role, permissions in PERMISSIONS.items() if "tickets.reply" in permissions)
# Statuses in which a ticket takes up somebody's time.
LOADING = ("new", "open")


@dataclass(frozen=True)
class Candidate:
    """A person who could take a ticket now, and the tickets that the person has already."""

    user: User
    load: int

    @property
    def free_share(self) -> float:
        """Free capacity as a share, 0..1."""
        return (self.user.capacity - self.load) / self.user.capacity


@transaction.atomic
def assign_ticket(*, ticket: Ticket, assignee: User | None, by: Viewer) -> Ticket:
    """Give the ticket to ``assignee``, or back to its team; capacity and availability do not bind a person's choice.

    A ticket given back to a team that is balanced by the product will be given to somebody again. Raises ValidationError
    for a person who cannot answer tickets.
    """
    by.require("tickets.assign")
    locked = lock_ticket(ticket.pk, by)
    if assignee is not None and (not assignee.is_active or assignee.role not in WORKING_ROLES):
        raise ValidationError({"assignee": _("%s cannot answer tickets.") % assignee})
    if locked.assignee_id == (None if assignee is None else assignee.pk):
        return locked
    give_to(locked, assignee, by=by, reason=_("Assigned by hand") if assignee else "")
    save_ticket(locked)
    return locked


def assign_automatically(ticket: Ticket, *, by: Actor, cause: Event | None = None) -> bool:
    """Give a locked, routed ticket to the member of its team with the largest share of free capacity.

    Returns whether somebody took it; else ``assigned_reason`` says why nobody did. The caller saves.
    """
    team = ticket.team
    if team is None or team.strategy != "balanced":
        return False
    candidates = available_members(team)
    if not candidates:
        ticket.assigned_reason = _("Nobody of the team is available")
        return False
    free = [candidate for candidate in candidates if candidate.load < candidate.user.capacity]
    if not free:
        ticket.assigned_reason = _("Everybody available is at capacity")
        return False
    chosen = max(free, key=lambda candidate: (candidate.free_share, -candidate.load, -candidate.user.pk))
    reason = _("Most free capacity: %(load)d of %(capacity)d") % {
        "load": chosen.load,
        "capacity": chosen.user.capacity,
    }
    give_to(ticket, chosen.user, by=by, reason=reason, automatic=True, cause=cause)
    return True


def available_members(team: Team) -> list[Candidate]:
    """Return who of the team may be given tickets now: active, available, within working hours; with their load.

    Their rows stay locked, so that two assignments at once count each other.
    """
    now = timezone.now()
    members = (
        User.objects.filter(
            memberships__team=team,
            is_active=True,
            role__in=WORKING_ROLES,
            availability=User.Availability.AVAILABLE,
        )
        .select_related("working_hours")
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    present = [
        user for user in members if user.working_hours is None or user.working_hours.hours().is_open(now)
    ]
    loads = open_tickets_of([user.pk for user in present])
    return [Candidate(user, loads.get(user.pk, 0)) for user in present if user.capacity > 0]


def open_tickets_of(user_ids: Sequence[int]) -> dict[int, int]:
    """Return how many tickets in a loading status each person has; people without any are missing."""
    rows = (
        Ticket.objects.filter(assignee_id__in=user_ids, status_category__in=LOADING)
        .values("assignee_id")
        .annotate(load=Count("pk"))
        .order_by()
    )
    return {row["assignee_id"]: row["load"] for row in rows}


def give_to(
    ticket: Ticket,
    assignee: User | None,
    *,
    by: Actor,
    reason: str,
    automatic: bool = False,
    cause: Event | None = None,
) -> None:
    """Change the assignee of a locked ticket and record it; the caller saves."""
    before = ticket.assignee_id
    ticket.assignee = assignee
    ticket.assigned_reason = reason[:120]
    event_type = UNASSIGNED if assignee is None else ASSIGNED
    event_type.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "from": before,
            "to": None if assignee is None else assignee.pk,
            "reason": reason,
            "automatic": automatic,
        },
        cause=cause,
    )
