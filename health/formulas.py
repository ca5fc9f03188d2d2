"""Raw values that several signals need, over arrays of accounts: shrunk rates, load per exposure, decayed means, slopes."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SENTIMENT_HALF_LIFE = 21.0


def shrunk_rate(positive: Any, total: Any, *, prior: float, strength: float = 5.0) -> Floats:
    """Return (positive + k·p0) / (total + k): few answers say little. ``prior`` p0 is 0..1, ``strength`` k in answers."""
    rate: Floats = (np.asarray(positive) + strength * prior) / (np.asarray(total) + strength)
    return rate


def per_exposure(count: Any, exposure: Any, *, alpha: float, beta: float) -> Floats:
    """Return (count + α) / (exposure + β): events per unit (seat-month) where small exposures are shrunk to α/β."""
    load: Floats = (np.asarray(count) + alpha) / (np.asarray(exposure) + beta)
    return load


def decay(age_days: Any, half_life_days: float = SENTIMENT_HALF_LIFE) -> Floats:
    """Return 2^(−age/half-life)."""
    return np.exp2(-np.asarray(age_days, dtype=float) / half_life_days)


def decayed_mean(row: Any, value: Any, weight: Any, size: int) -> tuple[Floats, Floats]:
    """Return, per account, Σ w·v / Σ w and Σ w; NaN where nothing weighs. ``weight`` is confidence times decay."""
    pulls: Floats = np.bincount(row, weights=weight, minlength=size).astype(np.float64)
    sums = np.bincount(row, weights=np.asarray(weight) * np.asarray(value), minlength=size)
    mean = np.full(size, np.nan)
    np.divide(sums, pulls, out=mean, where=pulls > 0)
    return mean, pulls


def theil_sen(series: Floats) -> Floats:
    """Return the median of the slopes between all pairs of columns, per row; NaN where a value is missing."""
    left, right = np.triu_indices(series.shape[1], 1)
    slope: Floats = np.median((series[:, right] - series[:, left]) / (right - left), axis=1)
    return slope
