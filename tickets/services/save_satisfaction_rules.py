"""Change what the survey after a solution asks, when and of whom."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.conditions import check_condition
from tickets.events import SATISFACTION_RULES_SAVED
from tickets.satisfaction import KEY, SatisfactionRules, current_rules


@transaction.atomic
def save_satisfaction_rules(
    *,
    is_on: bool,
    delay_hours: int,
    pause_days: int,
    by: Viewer,
    question: str = "",
    condition: Mapping[str, Any] | None = None,
) -> SatisfactionRules:
    """Store the rules; nothing changed, no event. Raises ValidationError naming the field."""
    by.require("settings.manage")
    if not 0 <= delay_hours <= 24 * 14:
        raise ValidationError({"delay_hours": _("Give 0 to 336 hours.")})
    if not 0 <= pause_days <= 365:
        raise ValidationError({"pause_days": _("Give 0 to 365 days.")})
    before = current_rules()
    rules = SatisfactionRules(
        is_on=is_on,
        delay_hours=delay_hours,
        question=" ".join(question.split())[:200],
        condition=check_condition(condition),
        pause_days=pause_days,
    )
    if rules != before:
        Setting.objects.update_or_create(key=KEY, defaults={"value": asdict(rules)})
        SATISFACTION_RULES_SAVED.record(
            by=by, subject_id=0, detail={"before": asdict(before), "after": asdict(rules)}
        )
    return rules
