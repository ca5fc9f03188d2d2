"""What is usual among comparable accounts on a day, as a value; health.cohort measures and stores it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from health.normalisers import Peers

EVERYONE = "*"


@dataclass(frozen=True)
class Cohort:
    """``values``: signal key -> segment (``*`` for all) -> sorted raw values. ``usage_ratio``: segment -> ratio.

    The ratio is the median, over the accounts of a segment, of the mean daily users of the last 28 days to the median
    of the 22 weeks before: 0.6 over Christmas, about 1 otherwise.
    """

    values: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    usage_ratio: Mapping[str, float] = field(default_factory=dict)

    def peers(self, key: str, segment: str) -> Peers:
        """Return what to compare a value of a signal with."""
        known = self.values.get(key, {})
        return Peers(known.get(segment, ()), known.get(EVERYONE, ()))

    def ratio(self, segment: str) -> float:
        """Return the segment's usage ratio, else everyone's, else 1."""
        return self.usage_ratio.get(segment, self.usage_ratio.get(EVERYONE, 1.0))

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return {"values": self.values, "usage_ratio": self.usage_ratio}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the cohort that was stored."""
        return cls(stored["values"], stored["usage_ratio"])


NO_COHORT = Cohort()
