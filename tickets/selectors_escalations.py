"""Reads of escalations: those that last, of one ticket, and what a rule would do."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from people.viewer import Viewer
from tickets.models import Escalation, EscalationRule, Ticket
from tickets.services.escalate_by_rules import candidates, matching


@dataclass(frozen=True)
class RuleTrial:
    """What a rule would do now: tickets it holds for, of these those it would escalate, and the first few of them."""

    holds: int
    escalates: int
    examples: tuple[Ticket, ...]


def open_escalations(
    viewer: Viewer, *, owner: int | None = None, level: int | None = None
) -> QuerySet[Escalation]:
    """Return the escalations that last, of tickets the viewer may see, the highest and oldest first."""
    found = (
        Escalation.objects.filter(ended_at=None, ticket__in=Ticket.objects.visible_to(viewer))
        .select_related(
            "ticket__account",
            "ticket__contact",
            "ticket__team",
            "ticket__assignee",
            "ticket__status",
            "owner",
            "owner_team",
            "rule",
            "acknowledged_by",
        )
        .order_by("-level", "opened_at", "pk")
    )
    if owner is not None:
        found = found.filter(owner_id=owner)
    return found if level is None else found.filter(level=level)


def escalations_of(ticket: Ticket) -> QuerySet[Escalation]:
    """Return the escalations of a ticket that the viewer has been given, newest first."""
    return Escalation.objects.filter(ticket=ticket).select_related(
        "owner", "owner_team", "rule", "acknowledged_by", "opened_by", "ended_by"
    )


def try_rule(rule: EscalationRule, *, examples: int = 5) -> RuleTrial:
    """Say what a rule, saved or not, would do with the open tickets now."""
    now = timezone.now()
    holding = matching(rule, now)
    wanted = candidates(rule, now) if rule.pk is not None else holding.filter(escalation_level__lt=rule.level)
    return RuleTrial(
        holds=holding.count(),
        escalates=wanted.count(),
        examples=tuple(wanted.select_related("account").order_by("next_due_at", "pk")[:examples]),
    )
