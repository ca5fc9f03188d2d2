"""Hand tickets on whose owner is not there: at the start of an absence, when one is reopened, when a customer waits too long."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import SYSTEM
from people.models import Absence, Team, User
from people.services.plan_absence import mark_absent_people
from tickets.models import Ticket
from tickets.services.assign_ticket import (
    LOADING,
    assign_automatically,
    give_to,
    has_room,
    is_there,
    lock_members,
)
from tickets.ticket_rows import lock_ticket, save_ticket

MOST_AT_ONCE = 500


def hand_over_absences() -> int:
    """Hand over what needs an act of people whose absence has begun; returns how many tickets. Once per absence.

    Each ticket is a transaction of its own; a killed worker goes on with the rest.
    """
    mark_absent_people()
    done = 0
    begun = Absence.objects.at(timezone.now()).filter(handed_over_at=None).select_related("user", "deputy")
    for absence in begun:
        because = _("%(name)s is absent.") % {"name": absence.user}
        open_tickets = Ticket.objects.filter(assignee=absence.user, status_category__in=LOADING)
        for ticket_id in list(open_tickets.order_by("pk").values_list("pk", flat=True)):
            done += _hand_over(ticket_id, absence.user_id, because=because, deputy=absence.deputy)
        Absence.objects.filter(pk=absence.pk).update(handed_over_at=timezone.now())
    return done


def settle_owner(ticket_id: int, *, reopened: bool) -> bool:
    """Hand a ticket on that needs an act again while its owner is not there; returns whether it was.

    During a planned absence at once; a ``reopened`` one also when the owner is not back within the hours of the team.
    """
    ticket = Ticket.objects.select_related("assignee__working_hours", "team").filter(pk=ticket_id).first()
    if ticket is None or ticket.assignee is None or ticket.status_category not in LOADING:
        return False
    owner, now = ticket.assignee, timezone.now()
    if is_there(owner, now):
        return False
    absence = Absence.objects.at(now).filter(user=owner).select_related("deputy").first()
    if absence is not None:
        because = _("%(name)s is absent.") % {"name": owner}
        return bool(_hand_over(ticket_id, owner.pk, because=because, deputy=absence.deputy))
    hours = ticket.team.reopen_hours if ticket.team else Team._meta.get_field("reopen_hours").default
    if not reopened or _back_at(owner, now) <= now + timedelta(hours=hours):
        return False
    because = _("%(name)s is not back in time.") % {"name": owner}
    return bool(_hand_over(ticket_id, owner.pk, because=because))


def _back_at(owner: User, now: datetime) -> datetime:
    """When a person who is not there is expected back: at the next working hours, else unknown and never."""
    never = datetime.max.replace(tzinfo=now.tzinfo)
    if not owner.is_active or owner.capacity == 0:
        return never
    if owner.working_hours is not None and not owner.working_hours.hours().is_open(now):
        return owner.working_hours.hours().add_seconds(now, 1)
    # Away within working hours: a break, unless it lasts.
    since = owner.availability_changed_at
    return now if since is not None and now - since < timedelta(hours=4) else never


def take_back_unattended(*, limit: int = MOST_AT_ONCE) -> int:
    """Take tickets from people who are away, where a customer has waited longer than their team allows; returns how many.

    Outside a person's working hours nothing is taken: everybody goes home at night.
    """
    now = timezone.now()
    done = 0
    for team in Team.objects.filter(is_active=True, unattended_minutes__gt=0):
        limit_at = now - timedelta(minutes=team.unattended_minutes)
        away = Q(assignee__availability=User.Availability.AWAY) & (
            Q(assignee__availability_changed_at=None) | Q(assignee__availability_changed_at__lt=limit_at)
        )
        waiting = Ticket.objects.filter(
            away | Q(assignee__is_active=False),
            team=team,
            status_category__in=LOADING,
            snoozed_until__isnull=True,
            waiting_since__lt=limit_at,
        ).select_related("assignee__working_hours")
        for ticket in waiting.order_by("waiting_since")[: limit - done]:
            owner = ticket.assignee
            if owner is None or (owner.working_hours and not owner.working_hours.hours().is_open(now)):
                continue
            because = _("%(name)s has been away for %(minutes)d minutes.") % {
                "name": owner,
                "minutes": team.unattended_minutes,
            }
            done += _hand_over(ticket.pk, owner.pk, because=because)
    return done


@transaction.atomic
def _hand_over(ticket_id: int, owner_id: int, *, because: str, deputy: User | None = None) -> int:
    """Give a ticket to the deputy who is there and may see it, else to somebody of its team, else to the team. 1 when it
    moved."""
    ticket = lock_ticket(ticket_id)
    if ticket.assignee_id != owner_id or ticket.status_category not in LOADING:
        return 0
    if deputy is not None and _can_stand_in(deputy, ticket):
        reason = _("%(because)s Deputy.") % {"because": because}
        give_to(ticket, deputy, by=SYSTEM, reason=reason, automatic=True)
    elif not assign_automatically(ticket, by=SYSTEM, because=because, but=owner_id):
        why = ticket.assigned_reason if ticket.team and ticket.team.strategy != "manual" else ""
        give_to(ticket, None, by=SYSTEM, reason=f"{because} {why}".strip(), automatic=True)
    save_ticket(ticket)
    return 1


def _can_stand_in(deputy: User, ticket: Ticket) -> bool:
    """Whether the deputy may see the ticket, is there and has room. Locks the team, too: it may be its turn next."""
    if not Ticket.objects.visible_to(deputy.as_viewer()).filter(pk=ticket.pk).exists():
        return False
    locked = {user.pk: user for user in lock_members(ticket.team, [deputy.pk])}
    found = locked.get(deputy.pk)
    return found is not None and is_there(found, timezone.now()) and has_room(found)
