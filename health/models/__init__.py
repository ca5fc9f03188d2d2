"""Tables of health."""

from health.models.card import HealthCard, HealthCardVersion
from health.models.override import CsmPulse, HealthOverride
from health.models.proof import BandOutcome, SurpriseChurn
from health.models.replay import CardReplay
from health.models.snapshot import CohortDay, HealthSnapshot, LensSnapshot, ScoreDue

__all__ = [
    "BandOutcome",
    "CardReplay",
    "CohortDay",
    "CsmPulse",
    "HealthCard",
    "HealthCardVersion",
    "HealthOverride",
    "HealthSnapshot",
    "LensSnapshot",
    "ScoreDue",
    "SurpriseChurn",
]
