"""Escalate a ticket to a level, acknowledge that, end it. A ticket has at most one escalation at a time."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import Actor
from core.models import Event
from people.models import Team, User
from people.viewer import Viewer
from tickets.events import DE_ESCALATED, ESCALATED, ESCALATION_ACKNOWLEDGED
from tickets.models import Escalation, EscalationRule, Status, Ticket
from tickets.responsible import active, leads, members
from tickets.ticket_rows import lock_ticket, save_ticket

LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Owner:
    """Who owns an escalation: a person or a team; neither means the leads."""

    user: User | None = None
    team: Team | None = None


@transaction.atomic
def escalate_ticket(
    *,
    ticket: Ticket,
    level: int,
    reason: str,
    by: Viewer,
    owner: User | None = None,
    owner_team: Team | None = None,
) -> Escalation:
    """Escalate by hand to a level above the present one. Raises ValidationError naming the field."""
    by.require("tickets.escalate")
    locked = lock_ticket(ticket.pk, by)
    if level not in LEVELS or level <= locked.escalation_level:
        raise ValidationError({"level": _("Choose a level above the present one, at most 3.")})
    if locked.status.category not in Status.ACTIVE:
        raise ValidationError({"level": _("The ticket is over; reopen it first.")})
    text = reason.strip()[:300]
    if not text:
        raise ValidationError({"reason": _("Say why.")})
    if owner is not None and not owner.is_active:
        raise ValidationError({"owner": _("%s does not work here any more.") % owner})
    escalation = open_escalation(
        locked, level=level, reason=text, by=by, owner=Owner(owner, owner_team if owner is None else None)
    )
    save_ticket(locked)
    return escalation


@transaction.atomic
def acknowledge_escalation(*, ticket: Ticket, by: Viewer) -> Escalation | None:
    """Say that somebody looks after it; does nothing when somebody does already, None when the ticket is not escalated."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    escalation = present_escalation(locked)
    if escalation is None or escalation.acknowledged_at is not None:
        return escalation
    escalation.acknowledged_at = timezone.now()
    escalation.acknowledged_by_id = by.user_id
    escalation.save(update_fields=["acknowledged_at", "acknowledged_by"])
    ESCALATION_ACKNOWLEDGED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"level": escalation.level},
    )
    save_ticket(locked)
    return escalation


@transaction.atomic
def de_escalate_ticket(*, ticket: Ticket, by: Viewer, reason: str = "", level: int = 0) -> Ticket:
    """Take an escalation back to a lower level, or end it with level 0; the rule that opened it does not open it again.

    Raises ValidationError when the level is no lower one.
    """
    by.require("tickets.escalate")
    locked = lock_ticket(ticket.pk, by)
    if not 0 <= level < locked.escalation_level:
        raise ValidationError({"level": _("Choose a level below the present one.")})
    before = present_escalation(locked)
    end_escalation(locked, kind=Escalation.End.LOWERED, by=by, reason=reason.strip()[:300], to=level)
    if level:
        _open(
            locked,
            level,
            reason.strip()[:300] or _("De-escalated"),
            by,
            Owner(before.owner, before.owner_team) if before else Owner(),
            rule=before.rule if before else None,
            at=timezone.now(),
        )
    save_ticket(locked)
    return locked


def present_escalation(ticket: Ticket) -> Escalation | None:
    """Return the escalation of a ticket that has not ended."""
    found = Escalation.objects.filter(ticket=ticket, ended_at=None)
    return found.select_related("owner", "owner_team", "rule", "acknowledged_by", "opened_by").first()


def open_escalation(
    ticket: Ticket,
    *,
    level: int,
    reason: str,
    by: Actor,
    owner: Owner,
    rule: EscalationRule | None = None,
    notify: bool = True,
    cause: Event | None = None,
) -> Escalation:
    """Escalate a locked ticket and record it; what was open at a lower level ends. The caller saves the ticket."""
    now = timezone.now()
    before = ticket.escalation_level
    _end_rows(ticket, Escalation.End.RAISED, by, "", now)
    escalation = _open(ticket, level, reason, by, owner, rule=rule, at=now)
    ESCALATED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "from": before,
            "level": level,
            "reason": reason,
            "rule": None if rule is None else rule.pk,
            "owner": escalation.owner_id,
            "owner_team": escalation.owner_team_id,
            "to": people_of(ticket, escalation) if notify else [],
        },
        cause=cause,
    )
    return escalation


def end_escalation(
    ticket: Ticket,
    *,
    kind: Escalation.End,
    by: Actor,
    reason: str = "",
    to: int = 0,
    cause: Event | None = None,
) -> bool:
    """End the escalation of a locked ticket and record it; returns whether there was one. The caller saves."""
    before = ticket.escalation_level
    ended = _end_rows(ticket, kind, by, reason, timezone.now())
    if not ended and before == 0:
        return False
    ticket.escalation_level = to
    DE_ESCALATED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"from": before, "level": to, "reason": reason, "because": str(kind)},
        cause=cause,
    )
    return True


def people_of(ticket: Ticket, escalation: Escalation) -> list[int]:
    """Return who is to know about an escalation: its owner, the team that owns it, else the leads."""
    if escalation.owner_id is not None:
        return active([escalation.owner_id])
    if escalation.owner_team_id is not None:
        return members(escalation.owner_team_id)
    return leads(ticket.team_id)


def _open(
    ticket: Ticket,
    level: int,
    reason: str,
    by: Actor,
    owner: Owner,
    *,
    rule: EscalationRule | None,
    at: datetime,
) -> Escalation:
    ticket.escalation_level = level
    return Escalation.objects.create(
        ticket=ticket,
        level=level,
        rule=rule,
        reason=reason,
        owner=owner.user,
        owner_team=owner.team,
        opened_at=at,
        opened_by_id=by.actor_id if by.actor_kind == "staff" else None,
    )


def _end_rows(ticket: Ticket, kind: Escalation.End, by: Actor, reason: str, at: datetime) -> int:
    return Escalation.objects.filter(ticket=ticket, ended_at=None).update(
        ended_at=at,
        ended_by_id=by.actor_id if by.actor_kind == "staff" else None,
        end_kind=kind,
        end_reason=reason,
    )
