"""From a raw value to n, 0 (worst) to 100 (best). Formulas: docs/health.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHRINK = 30
FEWEST_PEERS = 5


@dataclass(frozen=True)
class Peers:
    """Sorted raw values of comparable accounts: those of the same segment and all of them."""

    segment: Sequence[float]
    everyone: Sequence[float]


class Normaliser(Protocol):
    """Maps a raw value to n; None when there is nothing to compare with.

    One that has ``many`` (below) maps the values of all accounts at once; of others each value is asked for alone.
    """

    def __call__(self, value: float, peers: Peers | None) -> float | None:
        """Return n in 0..100."""
        ...


def normalise(normaliser: Normaliser, values: Floats, peers: Peers | None) -> Floats:
    """Return n of each value; NaN for NaN and where there is nothing to compare with."""
    many = getattr(normaliser, "many", None)
    if many is not None:
        found: Floats = many(values, peers)
        return found
    single = [None if np.isnan(value) else normaliser(float(value), peers) for value in values]
    return np.array([np.nan if n is None else n for n in single], dtype=float)


class _Columns:
    """A normaliser that is written for columns; a single value is a column of one."""

    def many(self, values: Floats, peers: Peers | None) -> Floats:
        """Return n of each value; NaN for NaN."""
        raise NotImplementedError

    def __call__(self, value: float, peers: Peers | None = None) -> Any:
        """Return n of one value, None when there is nothing to compare with."""
        n = float(self.many(np.array([value], dtype=float), peers)[0])
        return None if np.isnan(n) else n


@dataclass(frozen=True)
class Piecewise(_Columns):
    """Linear between (raw, n) points, flat outside: no cliffs."""

    points: tuple[tuple[float, float], ...]

    def many(self, values: Floats, peers: Peers | None = None) -> Floats:
        """Interpolate."""
        found: Floats = np.interp(values, [raw for raw, _ in self.points], [n for _, n in self.points])
        return found


@dataclass(frozen=True)
class CohortPercentile(_Columns):
    """Middle rank among the segment, shrunk to the rank among all: (n·p_segment + 30·p_all) / (n + 30)."""

    inverted: bool = False

    def many(self, values: Floats, peers: Peers | None) -> Floats:
        """Rank; NaN with fewer than five peers in all."""
        if peers is None or len(peers.everyone) < FEWEST_PEERS:
            return np.full(len(values), np.nan)
        n, rounded = len(peers.segment), np.round(values, 6)  # stored peers have six digits
        among, all_in_all = _percentiles(rounded, peers.segment), _percentiles(rounded, peers.everyone)
        rank = (n * among + SHRINK * all_in_all) / (n + SHRINK)
        ranks: Floats = np.where(np.isnan(values), np.nan, 100 - rank if self.inverted else rank)
        return ranks


def _percentiles(values: Floats, ordered: Sequence[float]) -> Floats:
    """Middle rank of each value in percent, equal values count half."""
    if not ordered:
        return np.full(len(values), 50.0)
    known = np.asarray(ordered, dtype=float)
    places = np.searchsorted(known, values, side="left") + np.searchsorted(known, values, side="right")
    ranks: Floats = 100.0 * places / 2 / len(known)
    return ranks


@dataclass(frozen=True)
class SelfBaseline(_Columns):
    """100·Φ(z) of a deviation z from the account's own past, kept within 5..95."""

    def many(self, values: Floats, peers: Peers | None = None) -> Floats:
        """Look the normal distribution up."""
        odds = np.array([math.erf(value / math.sqrt(2)) for value in values.tolist()], dtype=float)
        n: Floats = np.clip(50 * (1 + odds), 5.0, 95.0)
        return n


@dataclass(frozen=True)
class Trend(_Columns):
    """50 + 50·tanh(r / .10) of a relative change r per week."""

    def many(self, values: Floats, peers: Peers | None = None) -> Floats:
        """Squash."""
        return 50 + 50 * np.tanh(values / 0.10)


@dataclass(frozen=True)
class Recency(_Columns):
    """100·2^(−max(0, days − grace) / half_life)."""

    grace: float
    half_life: float

    def many(self, values: Floats, peers: Peers | None = None) -> Floats:
        """Decay."""
        return 100.0 * np.exp2(-np.maximum(0.0, values - self.grace) / self.half_life)
