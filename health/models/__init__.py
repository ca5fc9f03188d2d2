"""Tables of health."""

from health.models.snapshot import CohortDay, HealthSnapshot, ScoreDue

__all__ = ["CohortDay", "HealthSnapshot", "ScoreDue"]
