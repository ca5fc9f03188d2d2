"""Create, change and delete escalation rules."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Team, User
from people.viewer import Viewer
from tickets.conditions import asks_for_me, check_condition, clauses
from tickets.events import ESCALATION_RULE_DELETED, ESCALATION_RULE_SAVED
from tickets.models import EscalationRule
from tickets.services.escalate_ticket import LEVELS


@transaction.atomic
def save_escalation_rule(
    *,
    name: str,
    position: int,
    condition: object,
    level: int,
    by: Viewer,
    owner_kind: str = EscalationRule.Owner.LEAD,
    owner: User | None = None,
    owner_team: Team | None = None,
    repeat_count: int | None = None,
    repeat_days: int = 30,
    notify: bool = True,
    is_active: bool = True,
    rule: EscalationRule | None = None,
) -> EscalationRule:
    """Save a rule; without ``rule`` a new one. It is used from the next change of a ticket on. Raises ValidationError."""
    by.require("settings.manage")
    row = EscalationRule() if rule is None else EscalationRule.objects.select_for_update().get(pk=rule.pk)
    changes = apply_changes(
        row,
        name=name.strip(),
        position=position,
        condition=check_rule(condition, level=level, repeat_count=repeat_count, repeat_days=repeat_days),
        level=level,
        owner_kind=owner_kind,
        owner=owner if owner_kind == EscalationRule.Owner.PERSON else None,
        owner_team=owner_team if owner_kind == EscalationRule.Owner.TEAM else None,
        repeat_count=repeat_count or None,
        repeat_days=repeat_days,
        notify=notify,
        is_active=is_active,
    )
    if row.owner_kind == EscalationRule.Owner.PERSON and row.owner is None:
        raise ValidationError({"owner": _("Choose the person.")})
    if row.owner_kind == EscalationRule.Owner.TEAM and row.owner_team is None:
        raise ValidationError({"owner_team": _("Choose the team.")})
    row.full_clean()
    row.save()
    if changes or rule is None:
        ESCALATION_RULE_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


def check_rule(
    condition: object, *, level: int, repeat_count: int | None, repeat_days: int
) -> dict[str, object]:
    """Return the checked condition of a rule; raises ValidationError for a rule that would escalate everything or itself."""
    try:
        checked = check_condition(condition)
    except ValidationError as error:
        raise ValidationError({"condition": error.messages}) from error
    if not checked and not repeat_count:
        raise ValidationError({"condition": _("Without a condition every ticket would be escalated.")})
    if asks_for_me(checked):
        raise ValidationError({"condition": _("A rule cannot mean something else for every person.")})
    if any(clause["field"] == "escalation_level" for clause in clauses(checked)):
        raise ValidationError({"condition": _("A rule cannot ask about the level that it sets.")})
    if level not in LEVELS:
        raise ValidationError({"level": _("Choose a level from 1 to 3.")})
    if repeat_count is not None and not 0 <= repeat_count <= 1_000:
        raise ValidationError({"repeat_count": _("Give a number up to 1000.")})
    if not 1 <= repeat_days <= 365:
        raise ValidationError({"repeat_days": _("Give 1 to 365 days.")})
    return checked


@transaction.atomic
def delete_escalation_rule(*, rule: EscalationRule, by: Viewer) -> None:
    """Delete a rule; what it has escalated stays escalated."""
    by.require("settings.manage")
    number, name = rule.pk, rule.name
    rule.delete()
    ESCALATION_RULE_DELETED.record(by=by, subject_id=number, detail={"name": name})
