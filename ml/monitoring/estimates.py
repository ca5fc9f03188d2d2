"""Accuracy from samples: a weighted estimate of audited answers with an interval, and Wilson's interval for plain shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NINETY_PERCENT = 1.6448536269514722


@dataclass(frozen=True)
class Estimate:
    """A share with its interval at 90 %, from ``rows`` labels that are worth ``effective_rows`` drawn evenly."""

    value: float
    low: float
    high: float
    rows: int
    effective_rows: float


def audited_accuracy(labels: Sequence[tuple[bool, float]]) -> Estimate | None:
    """Horvitz-Thompson estimate of the share of right answers, labels as ``(right, inclusion probability)``; None without any.

    The weights are the inverse probabilities, normalised by their sum (Hájek), which is never above one. The interval is
    Wilson's for as many evenly drawn rows as the weights are worth (Kish): honest near 0 and 1, where the normal one is not.
    Raises ValueError for a probability outside (0, 1].
    """
    if not labels:
        return None
    if any(not 0 < probability <= 1 for _right, probability in labels):
        raise ValueError("inclusion probabilities lie in (0, 1]")
    weights = [1 / probability for _right, probability in labels]
    total = sum(weights)
    value = sum(weight for weight, (right, _p) in zip(weights, labels, strict=True) if right) / total
    effective = total**2 / sum(weight**2 for weight in weights)
    low, high = wilson(value, effective)
    return Estimate(value, low, high, len(labels), effective)


def wilson(share: float, rows: float, deviations: float = NINETY_PERCENT) -> tuple[float, float]:
    """Wilson's interval of a share seen in ``rows`` rows."""
    squared = deviations**2
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    half = deviations / (1 + squared / rows) * math.sqrt(share * (1 - share) / rows + squared / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)
