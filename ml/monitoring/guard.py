"""The guard over a model in service: a one-sided CUSUM of the log-likelihood ratio "eight points worse" against "as promised".

Labels of audits are not a plain sample (uncertain answers are drawn more often), so each counts with its weight, the
inverse of its inclusion probability, scaled to a mean of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LOSS = 0.08
# Of one sequential test. A CUSUM begins such tests again and again: at 0.01 a model as good as promised (90 %) raised a false
# alarm within 5,000 labels in 67 % of 2,000 simulations, at 0.001 in about 10 %; the median of labels until a model that is
# eight points worse is noticed grows from 109 to about 180, and at 38 points worse from 19 to about 29.
ALPHA = 0.001
BETA = 0.10
THRESHOLD = math.log((1 - BETA) / ALPHA)
_LOWEST, _HIGHEST = 0.15, 0.99


@dataclass(frozen=True)
class GuardReading:
    """Where the guard stands: its sum, the alarm threshold, labels seen, and after how many it rose above it (None: not)."""

    expected: float
    tolerated: float
    statistic: float
    threshold: float
    labels: int
    alarmed_at: int | None


def watch_accuracy(labels: Iterable[tuple[bool, float]], expected: float) -> GuardReading:
    """Read labels ``(was the answer right, weight)`` in their order against an expected accuracy (0..1).

    The sum never falls below zero, so good weeks do not excuse bad ones; the first crossing counts.
    """
    before = min(_HIGHEST, max(_LOWEST, expected))
    after = before - LOSS
    right, wrong = math.log(after / before), math.log((1 - after) / (1 - before))
    total, count, alarmed_at = 0.0, 0, None
    for hit, weight in labels:
        count += 1
        total = max(0.0, total + weight * (right if hit else wrong))
        if alarmed_at is None and total > THRESHOLD:
            alarmed_at = count
    return GuardReading(before, after, total, THRESHOLD, count, alarmed_at)
