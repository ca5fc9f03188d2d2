"""Write the tracking plan: what is expected under an event name."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers.events import USAGE_PLAN_CHANGED
from customers.models import UsageFeature
from people.viewer import Viewer

FIELDS = ("is_planned", "is_hidden", "description", "owner", "plans")


@transaction.atomic
def save_usage_feature(*, feature: UsageFeature, values: Mapping[str, Any], by: Viewer) -> UsageFeature:
    """Set FIELDS of a name; ``plans`` are names of subscription plans, none for everybody. Raises ValidationError."""
    by.require("settings.manage")
    row = UsageFeature.objects.select_for_update().get(pk=feature.pk)
    if unknown := set(values) - set(FIELDS):
        raise ValidationError({min(unknown): _("This cannot be set.")})
    plans = values.get("plans", row.plans)
    if not isinstance(plans, list) or not all(
        isinstance(plan, str) and 0 < len(plan) <= 40 for plan in plans
    ):
        raise ValidationError({"plans": _("Give names of plans, each of at most 40 letters.")})
    changed = [name for name in FIELDS if name in values and getattr(row, name) != values[name]]
    for name in changed:
        setattr(row, name, values[name])
    if changed:
        row.full_clean()
        row.save(update_fields=changed)
        USAGE_PLAN_CHANGED.record(by=by, subject_id=row.pk, detail={"name": row.name, "changed": changed})
    return row
