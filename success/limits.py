"""The limits of outreach that a lead may change, kept as one setting, and the switch that stops all outreach."""

from typing import Any

from core.models import Setting
from success.gate import GatePolicy

POLICY_KEY = "success.gate"
SWITCH_KEY = "success.outreach_enabled"


def current_policy() -> GatePolicy:
    """Return the policy in force; keys that are not stored have their defaults."""
    stored: dict[str, Any] = (
        Setting.objects.filter(key=POLICY_KEY).values_list("value", flat=True).first() or {}
    )
    values: dict[str, Any] = {
        name: stored[name] for name in GatePolicy.__dataclass_fields__ if name in stored
    }
    for name in ("days", "holidays"):
        if name in values:
            values[name] = tuple(values[name])
    return GatePolicy(**values)


def is_outreach_on() -> bool:
    """Say whether outreach may leave at all; it may unless somebody has switched it off."""
    value = Setting.objects.filter(key=SWITCH_KEY).values_list("value", flat=True).first()
    return value is not False
