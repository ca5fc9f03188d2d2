"""Whether a text is of a kind that the classifier has seen: three pieces of evidence, each against its usual value.

The best score of the n-grams, the best score of the vectors and the cosine to the nearest training texts, standardised
over out-of-fold rows and averaged. Alone each misses strangers that the others see (docs/models.md).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ml.metrics import Floats

USUAL_SHARE = 0.02  # this share of known texts would itself be called unfamiliar
# Training texts of one mould vary so little that every new wording would seem strange: no spread below these values, and
# no stricter limit than this one.
LEAST_SPREAD = (0.30, 1.00, 0.10)
STRICTEST = -1.50


@dataclass(frozen=True)
class Familiarity:
    """Usual value and spread of each piece of evidence, and the familiarity below which a text is strange."""

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    minimum: float

    @classmethod
    def learned(cls, evidence: Floats, usual_share: float = USUAL_SHARE) -> Self:
        """From out-of-fold evidence ``(n, 3)`` of texts that belong to the classes; ``usual_share`` of them would be strange."""
        centre = evidence.mean(axis=0)
        spread = np.maximum(evidence.std(axis=0), LEAST_SPREAD)
        values = ((evidence - centre) / spread).mean(axis=1)
        minimum = min(STRICTEST, float(np.quantile(values, usual_share)))
        return cls(tuple(map(float, centre)), tuple(map(float, spread)), minimum)

    def of(self, evidence: Floats) -> Floats:
        """Mean standardised evidence ``(n,)``: about 0 for a usual text, lower for strangers."""
        values: Floats = ((evidence - np.array(self.centre)) / np.array(self.spread)).mean(axis=1)
        return values

    def to_json(self) -> dict[str, Any]:
        """For the metadata of the artefact."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(tuple(kept["centre"]), tuple(kept["spread"]), float(kept["minimum"]))
