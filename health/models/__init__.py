"""Tables of health."""

from health.models.card import HealthCard, HealthCardVersion
from health.models.snapshot import CohortDay, HealthSnapshot, LensSnapshot, ScoreDue

__all__ = [
    "CohortDay",
    "HealthCard",
    "HealthCardVersion",
    "HealthSnapshot",
    "LensSnapshot",
    "ScoreDue",
]
