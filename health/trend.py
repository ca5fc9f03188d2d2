"""Is a change of the score more than noise? Beside the daily changes of the same account."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

LEAST_POINTS = 5.0
Z = 1.96
DAYS = 30
FEWEST_CHANGES = 8


def trend_of(delta_30: float | None, scores: Sequence[tuple[int, float]]) -> str:
    """Return "up", "down" or "": |Δ30| > 1.96·sd·√30 with the standard deviation of the daily changes, and ≥ 5 points.

    ``scores`` are (ordinal of the day, score) in order. A change over a gap of d days counts as change/√d. With fewer than
    eight changes nothing is said.
    """
    if delta_30 is None or abs(delta_30) < LEAST_POINTS:
        return ""
    changes = [
        (score - former) / (day - at) ** 0.5 for (at, former), (day, score) in pairwise(scores) if day > at
    ]
    if len(changes) < FEWEST_CHANGES:
        return ""
    # Spread around the mean, so that a steady fall is a trend and no noise.
    spread = float(np.std(changes, ddof=1))
    if abs(delta_30) <= Z * spread * DAYS**0.5:
        return ""
    return "up" if delta_30 > 0 else "down"
