"""Normalisers of stages, ages and judgement: what is good depends on how old the relation is, or somebody has said it."""

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from health.normalisers import Floats, Peers, Piecewise


@dataclass(frozen=True)
class TenurePiecewise:
    """A curve per age of the relation in months, interpolated between ages: what is good in month 2 is poor in month 12.

    ``curves`` are (months, points) in rising order; every curve has the same raw values.
    """

    curves: tuple[tuple[float, tuple[tuple[float, float], ...]], ...]

    def at(self, months: float | None) -> Piecewise:
        """Return the curve of an age; the last one when the age is unknown."""
        ages = [age for age, _points in self.curves]
        place = len(ages) if months is None or math.isnan(months) else bisect_right(ages, months)
        if place == 0:
            return Piecewise(self.curves[0][1])
        if place == len(ages) or months is None:
            return Piecewise(self.curves[-1][1])
        (age_1, first), (age_2, second) = self.curves[place - 1], self.curves[place]
        part = (months - age_1) / (age_2 - age_1)
        pairs = zip(first, second, strict=True)
        return Piecewise(tuple((raw, n_1 + (n_2 - n_1) * part) for (raw, n_1), (_raw, n_2) in pairs))

    def at_ages(self, values: Floats, months: Floats) -> Floats:
        """Return n of each value at the age of its relation; NaN for NaN."""
        pairs = zip(values.tolist(), months.tolist(), strict=True)
        return np.array(
            [np.nan if value != value else self.at(age)(value) for value, age in pairs], dtype=float
        )

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Read the curve of the oldest relations."""
        return float(self.at(None)(value))


@dataclass(frozen=True)
class Stages:
    """A fixed n for each stage or answer (a number); None for a value that is not listed."""

    steps: tuple[tuple[float, float], ...]

    def __call__(self, value: float, peers: Peers | None = None) -> float | None:
        """Look up."""
        return dict(self.steps).get(value)


@dataclass(frozen=True)
class Direct:
    """The raw value is n already, as somebody gave it; kept within 0..100."""

    def __call__(self, value: float, peers: Peers | None = None) -> float:
        """Clip."""
        return min(100.0, max(0.0, value))
