"""Give a ticket to a person: the one door for every path, by hand or by the rule of the team (``tickets.assignment``).

Rows are locked in one order everywhere: tickets, then people by their keys, then the team's turn. Who gives several tickets
out does so in a transaction each.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import Actor
from core.models import Event
from people.models import Absence, Skill, Team, TeamMembership, User, UserSkill
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.assignment import Candidate, Considered, Decision, Question, decide
from tickets.events import ASSIGNED, UNASSIGNED
from tickets.models import Category, TeamQueue, Ticket, TicketType
from tickets.ticket_rows import lock_ticket, save_ticket

WORKING_ROLES = sorted(role for role, permissions in PERMISSIONS.items() if "tickets.reply" in permissions)
# Statuses in which a ticket takes up somebody's time.
LOADING = ("new", "open")


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


def assign_automatically(
    ticket: Ticket, *, by: Actor, cause: Event | None = None, because: str = "", but: int | None = None
) -> bool:
    """Give a locked, routed ticket to a member of its team, by the rule of the team.

    Returns whether somebody took it; else ``assigned_reason`` says why nobody did. ``because`` stands before the reason (why
    the ticket had to be given again), ``but`` is somebody who must not get it. The caller saves.
    """
    team = ticket.team
    if team is None or team.strategy == "manual":
        return False
    members = {user.pk: user for user in lock_members(team) if user.pk != but}
    queue = TeamQueue.objects.select_for_update().get_or_create(team=team)[0] if _takes_turns(team) else None
    decision = decide(_question(ticket, team, queue), _candidates(members.values()))
    if decision.user_id is None:
        ticket.assigned_reason = decision.reason[:120]
        return False
    if queue is not None:
        queue.last_user_id = decision.user_id
        queue.save(update_fields=["last_user"])
    reason = f"{because} {decision.reason}" if because else decision.reason
    give_to(
        ticket,
        members[decision.user_id],
        by=by,
        reason=reason,
        automatic=True,
        cause=cause,
        considered=decision.considered,
    )
    return True


def preview_assignment(ticket: Ticket) -> Decision | None:
    """Say who would get the ticket now if it were nobody's; None when its team gives tickets out by hand. Locks nothing."""
    team = ticket.team
    if team is None or team.strategy == "manual":
        return None
    queue = TeamQueue.objects.filter(team=team).first() if _takes_turns(team) else None
    return decide(_question(ticket, team, queue), _candidates(_members(team)))


def _takes_turns(team: Team) -> bool:
    return team.strategy == "round_robin"


def _members(team: Team | None, also: Sequence[int] = ()) -> Any:
    of_team = TeamMembership.objects.filter(team=team).values("user_id")
    people = User.objects.filter(Q(pk__in=of_team) | Q(pk__in=list(also)))
    people = people.filter(is_active=True, role__in=WORKING_ROLES)
    return people.select_related("working_hours").order_by("pk")


def lock_members(team: Team | None, also: Sequence[int] = ()) -> list[User]:
    """Return who of the team, and ``also``, can answer tickets. Their rows stay locked, so that two assignments at once count
    each other."""
    return list(_members(team, also).select_for_update(of=("self",), no_key=True))


def _question(ticket: Ticket, team: Team, queue: TeamQueue | None) -> Question:
    return Question(
        strategy=team.strategy,
        needed=skills_needed(ticket) if team.strategy == "skills" else {},
        previous_owner=_previous_owner(ticket, team),
        last_turn=None if queue is None else queue.last_user_id,
    )


def skills_needed(ticket: Ticket) -> dict[int, str]:
    """Return the names of the skills that a ticket needs, by id: those of its category and of its type, and its language when
    there is a skill for it."""
    wanted = Q(pk__in=[])
    if ticket.category_id is not None:
        of_category = Category.required_skills.through.objects.filter(category_id=ticket.category_id)
        wanted |= Q(pk__in=of_category.values("skill_id"))
    if ticket.type_id is not None:
        of_type = TicketType.required_skills.through.objects.filter(tickettype_id=ticket.type_id)
        wanted |= Q(pk__in=of_type.values("skill_id"))
    if ticket.language:
        wanted |= Q(language__iexact=ticket.language.split("-")[0])
    return dict(Skill.objects.filter(wanted, is_active=True).values_list("pk", "name"))


def _previous_owner(ticket: Ticket, team: Team) -> int | None:
    """Who had the last ticket of the contact, else of the account, within the days of the team."""
    if not team.previous_owner_days:
        return None
    since = timezone.now() - timedelta(days=team.previous_owner_days)
    earlier = Ticket.objects.filter(assignee__isnull=False, last_message_at__gte=since).exclude(pk=ticket.pk)
    earlier = earlier.order_by("-last_message_at", "-pk")
    owner = earlier.filter(contact_id=ticket.contact_id).values_list("assignee_id", flat=True).first()
    if owner is None and ticket.account_id is not None:
        owner = earlier.filter(account_id=ticket.account_id).values_list("assignee_id", flat=True).first()
    return owner


def _candidates(members: Any) -> list[Candidate]:
    """Weigh the members: three queries however many they are."""
    users = list(members)
    ids = [user.pk for user in users]
    now = timezone.now()
    loads = open_tickets_of(ids)
    absent = set(Absence.objects.at(now).filter(user_id__in=ids).values_list("user_id", flat=True))
    skills: dict[int, set[int]] = {}
    for user_id, skill_id in UserSkill.objects.filter(user_id__in=ids).values_list("user_id", "skill_id"):
        skills.setdefault(user_id, set()).add(skill_id)
    return [
        Candidate(
            user_id=user.pk,
            load=loads.get(user.pk, 0),
            capacity=user.capacity,
            skills=frozenset(skills.get(user.pk, ())),
            why_not=_why_not(user, now, is_absent=user.pk in absent),
        )
        for user in users
    ]


def _why_not(user: User, now: datetime, *, is_absent: bool) -> str:
    """Return the word of VERDICTS for who is not there, empty for who is."""
    if user.capacity == 0:
        return "no_capacity"
    if is_absent:
        return "absent"
    if user.availability != User.Availability.AVAILABLE:
        return str(user.availability)
    if user.working_hours is not None and not user.working_hours.hours().is_open(now):
        return "off_hours"
    return ""


def has_room(user: User) -> bool:
    """Whether a locked person is below capacity."""
    return open_tickets_of([user.pk]).get(user.pk, 0) < user.capacity


def is_there(user: User, now: datetime) -> bool:
    """Whether a person may be given tickets at a moment."""
    absent = Absence.objects.at(now).filter(user=user).exists()
    return user.is_active and not _why_not(user, now, is_absent=absent)


def open_tickets_of(user_ids: Sequence[int]) -> dict[int, int]:
    """Return how many tickets in a loading status, not put aside, each person has; people without any are missing."""
    rows = (
        Ticket.objects.filter(
            assignee_id__in=user_ids, status_category__in=LOADING, snoozed_until__isnull=True
        )
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
    considered: Sequence[Considered] = (),
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
            **({"considered": [one.as_json() for one in considered]} if considered else {}),
        },
        cause=cause,
    )
