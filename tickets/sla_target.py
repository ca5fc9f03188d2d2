"""What share of all promises is meant to be kept: a setting of the installation that figures are measured against."""

from core.models import Setting

SETTING = "tickets.sla_target"
DEFAULT_PERCENT = 95.0


def sla_target() -> float:
    """Return the share of promises that is meant to be kept, 0..1. One query."""
    stored = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first()
    return (DEFAULT_PERCENT if stored is None else float(stored)) / 100
