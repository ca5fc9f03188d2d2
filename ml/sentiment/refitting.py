"""Choosing anew, from what people said about a desk's messages, from which probability on an answer is shown, if at all.

The bars are those of ``ml.sentiment.trust``; rows count by their weight: an audited one stands for all that were not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats
from ml.sentiment.calibration import fit_platt
from ml.sentiment.trust import LEAST_PRECISION, wilson_low

Truth = npt.NDArray[np.bool_]

GRID = np.linspace(0.05, 0.95, 91)
SMALLEST = 1e-6


@dataclass(frozen=True)
class HeadRule:
    """Slope and offset of the log-odds of an answer (Platt 1999), and from which probability (0..1) on it is shown, if at all."""

    slope: float
    offset: float
    threshold: float
    is_on: bool

    def probabilities(self, raw: Floats) -> Floats:
        """The adapter's probabilities as this desk's messages bear them out."""
        return 1 / (1 + np.exp(-(self.slope * _log_odds(raw) + self.offset)))

    def shown(self, raw: Floats) -> Truth:
        """Which of them are shown."""
        return (self.probabilities(raw) >= self.threshold) & self.is_on

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> HeadRule:
        """From a model's metadata."""
        return cls(
            float(stored["slope"]),
            float(stored["offset"]),
            float(stored["threshold"]),
            bool(stored["is_on"]),
        )


@dataclass(frozen=True)
class Bars:
    """How often what is shown is true, the low end of its 95 % interval (Wilson 1927), what share of it is found, and the share
    of all rows that is true; 0..1."""

    precision: float
    low: float
    recall: float
    base: float

    @property
    def are_met(self) -> bool:
        """True more often than not, and more often than a message drawn blindly, beyond luck."""
        return self.precision >= LEAST_PRECISION and self.low > self.base

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def bars_of(shown: Truth, truth: Truth, weights: Floats) -> Bars:
    """Measure what is shown; weighted rows count as fewer (Kish 1965): the square of the sum over the sum of squares."""
    total, hit = weights.sum(), weights[shown & truth].sum()
    if not shown.any():
        return Bars(0.0, 0.0, 0.0, float(weights[truth].sum() / total))
    of_shown = weights[shown]
    precision = float(hit / of_shown.sum())
    cases = float(of_shown.sum() ** 2 / (of_shown**2).sum())
    true = weights[truth].sum()
    return Bars(
        precision,
        wilson_low(precision, int(cases)),
        float(hit / true) if true else 0.0,
        float(true / total),
    )


def refit(raw: Floats, truth: Truth, weights: Floats) -> HeadRule:
    """The rule with the best F1 of those that meet the bars on these rows; one that is off when none does."""
    slope, offset = fit_platt(_log_odds(raw), truth, weights)
    off = HeadRule(slope, offset, 1.0, is_on=False)
    told = off.probabilities(raw)
    found = [(threshold, bars_of(told >= threshold, truth, weights)) for threshold in GRID]
    good = [(bars.f1, float(threshold)) for threshold, bars in found if bars.are_met]
    return HeadRule(slope, offset, max(good)[1], is_on=True) if good else off


def _log_odds(raw: Floats) -> Floats:
    inside = np.clip(raw, SMALLEST, 1 - SMALLEST)
    return np.log(inside / (1 - inside))
