"""From a raw value to n, 0 (worst) to 100 (best). Formulas: docs/health.md."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SHRINK = 30
FEWEST_PEERS = 5


@dataclass(frozen=True)
class Peers:
    """Sorted raw values of comparable accounts: those of the same segment and all of them."""

    segment: Sequence[float]
    everyone: Sequence[float]


class Normaliser(Protocol):
    """Maps a raw value to n; None when there is nothing to compare with."""

    def __call__(self, value: float, peers: Peers | None) -> float | None:
        """Return n in 0..100."""
        ...


@dataclass(frozen=True)
class Piecewise:
    """Linear between (raw, n) points, flat outside: no cliffs."""

    points: tuple[tuple[float, float], ...]

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Interpolate."""
        raws = [raw for raw, _ in self.points]
        place = bisect_right(raws, value)
        if place == 0:
            return self.points[0][1]
        if place == len(raws):
            return self.points[-1][1]
        (raw_1, n_1), (raw_2, n_2) = self.points[place - 1], self.points[place]
        return n_1 + (n_2 - n_1) * (value - raw_1) / (raw_2 - raw_1)


@dataclass(frozen=True)
class CohortPercentile:
    """Middle rank among the segment, shrunk to the rank among all: (n·p_segment + 30·p_all) / (n + 30)."""

    inverted: bool = False

    def __call__(self, value: float, peers: Peers | None) -> float | None:
        """Rank; None with fewer than five peers in all."""
        if peers is None or len(peers.everyone) < FEWEST_PEERS:
            return None
        n, value = len(peers.segment), round(value, 6)  # stored peers have six digits
        rank = (n * _percentile(value, peers.segment) + SHRINK * _percentile(value, peers.everyone)) / (
            n + SHRINK
        )
        return 100 - rank if self.inverted else rank


def _percentile(value: float, ordered: Sequence[float]) -> float:
    """Middle rank of ``value`` in percent, equal values count half."""
    if not ordered:
        return 50.0
    below, upto = bisect_left(ordered, value), bisect_right(ordered, value)
    return 100 * (below + upto) / 2 / len(ordered)


@dataclass(frozen=True)
class SelfBaseline:
    """100·Φ(z) of a deviation z from the account's own past, kept within 5..95."""

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Look the normal distribution up."""
        return min(95.0, max(5.0, 50 * (1 + math.erf(value / math.sqrt(2)))))


@dataclass(frozen=True)
class Trend:
    """50 + 50·tanh(r / .10) of a relative change r per week."""

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Squash."""
        return 50 + 50 * math.tanh(value / 0.10)


@dataclass(frozen=True)
class Recency:
    """100·2^(−max(0, days − grace) / half_life)."""

    grace: float
    half_life: float

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Decay."""
        return 100.0 * float(2 ** (-max(0.0, value - self.grace) / self.half_life))
