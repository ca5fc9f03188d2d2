"""Escalation rules of the demo company, and the tickets that they have escalated."""

from django.utils import timezone

from cs_ops.demo.companies import SYSTEM
from cs_ops.demo.staff import Desk
from tickets.models import Escalation, EscalationRule, Ticket
from tickets.services.escalate_by_rules import candidates, escalate_those
from tickets.services.escalate_ticket import acknowledge_escalation
from tickets.services.save_escalation_rule import save_escalation_rule

MOST = 6


def add_escalations(desk: Desk) -> None:
    """Write two rules, let each escalate a few of the open tickets, and let somebody look after the oldest."""
    urgent = {"field": "priority", "is": "in", "value": ["urgent"]}
    enterprise = {"field": "account_tier", "is": "in", "value": ["enterprise"]}
    unhappy = {"field": "sentiment", "is": "in", "value": ["negative"]}
    broken = {"field": "breached", "is": "is", "value": True}
    rules = [
        save_escalation_rule(
            name="Promise broken for an enterprise customer", position=1, level=2, by=SYSTEM,
            condition={"match": "all", "of": [enterprise, broken]},
        ),
        save_escalation_rule(
            name="Unhappy and urgent", position=2, level=1, by=SYSTEM, owner_kind=EscalationRule.Owner.ASSIGNEE,
            condition={"match": "any", "of": [{"match": "all", "of": [urgent, unhappy]},
                                              {"match": "all", "of": [urgent, broken]}]},
        ),
    ]  # fmt: skip
    now = timezone.now()
    for rule in rules:
        escalate_those(_some(rule), [rule], now=now)
    oldest = Escalation.objects.filter(ended_at=None).select_related("ticket").order_by("pk").first()
    if oldest is not None:
        acknowledge_escalation(ticket=oldest.ticket, by=desk.users["lead"].as_viewer())


def _some(rule: EscalationRule) -> list[Ticket]:
    found = candidates(rule, timezone.now()).select_related("status", "account", "contact")
    return list(
        found.prefetch_related("ticket_tags__tag", "field_values").order_by("-created_at", "pk")[:MOST]
    )
