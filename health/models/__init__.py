"""Tables of health."""

from health.models.snapshot import HealthSnapshot, ScoreDue

__all__ = ["HealthSnapshot", "ScoreDue"]
