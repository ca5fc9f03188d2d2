"""Change the limits of outreach, and stop or resume all of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction

from core.models import Setting
from people.viewer import Viewer
from success.events import LIMITS_SAVED
from success.gate import GatePolicy
from success.limits import POLICY_KEY, SWITCH_KEY, current_policy, is_outreach_on


@transaction.atomic
def save_limits(*, values: Mapping[str, Any], is_on: bool, by: Viewer) -> GatePolicy:
    """Store caps and hours (fields of GatePolicy) and the switch; needs ``success.manage``. Nothing changed, no event."""
    by.require("success.manage")
    before, was_on = current_policy(), is_outreach_on()
    policy = GatePolicy(**{**asdict(before), **values})
    if (policy, is_on) == (before, was_on):
        return policy
    Setting.objects.update_or_create(key=POLICY_KEY, defaults={"value": asdict(policy)})
    Setting.objects.update_or_create(key=SWITCH_KEY, defaults={"value": is_on})
    LIMITS_SAVED.record(
        by=by,
        subject_id=0,
        detail={"before": {**asdict(before), "is_on": was_on}, "after": {**asdict(policy), "is_on": is_on}},
    )
    return policy
