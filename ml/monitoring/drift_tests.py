"""Whether a window of rows differs from a reference: a test that says "not by chance" and an effect that says "enough to matter".

Both are asked for: with many rows a test alone sees differences that nobody would notice, with few rows an effect alone
sees noise (specs/mlops.md, algorithm 8). p-values of one window are adjusted together by Benjamini-Hochberg.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_EXPECTED = 5.0
NOTABLE_EFFECT = 0.1
LEVEL = 0.01
_DIGITS = 1e-9
_BEYOND = 10.0
_OTHER = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class DriftTest:
    """One comparison. ``effect`` is 0 for no difference; ``psi`` is for show and None where it says nothing.

    ``test`` names it: ``chi2`` (effect: Cramér's V), ``ks`` (Wasserstein distance in standard deviations), ``mean`` (change
    of the mean in standard deviations, signed), ``share`` (Cohen's h, signed).
    """

    test: str
    statistic: float
    p_value: float
    effect: float
    psi: float | None = None

    @property
    def notable(self) -> bool:
        """Whether the difference is large enough to matter, if it is real."""
        return abs(self.effect) >= NOTABLE_EFFECT


def compare_categories(reference: Mapping[str, float], window: Mapping[str, float]) -> DriftTest:
    """Chi-squared test of two rows of counts; classes expected fewer than five times in either row are merged.

    Cramér's V is taken with both rows at equal weight, so that it does not depend on how long the reference is, and
    without the part that chance alone adds. Raises ValueError for an empty row.
    """
    from scipy.stats import chi2

    table = _merged(reference, window)
    rows = table.sum(axis=1)
    if table.shape[1] < 2:
        return DriftTest("chi2", 0.0, 1.0, 0.0)
    expected = np.outer(rows, table.sum(axis=0)) / rows.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = table.shape[1] - 1
    p, q = table[0] / rows[0], table[1] / rows[1]
    squared = float(((p - q) ** 2 / (2 * (p + q))).sum())
    by_chance = freedom * (1 / rows[0] + 1 / rows[1]) / 4
    return DriftTest(
        "chi2",
        statistic,
        float(chi2.sf(statistic, freedom)),
        math.sqrt(max(0.0, squared - by_chance)),
        stability_index(table),
    )


def compare_numbers(reference: Sequence[float], window: Sequence[float]) -> DriftTest:
    """Kolmogorov-Smirnov test; the effect is the Wasserstein distance in pooled standard deviations.

    That distance is never less than the change of the mean, so it covers both. Raises ValueError for an empty side.
    """
    from scipy.stats import ks_2samp, wasserstein_distance

    left, right = _numbers(reference), _numbers(window)
    spread = _pooled_deviation(left, right)
    if spread == 0:
        return _constants("ks", left, right)
    found = ks_2samp(left, right, method="asymp")
    return DriftTest(
        "ks",
        float(found.statistic),
        float(found.pvalue),
        float(wasserstein_distance(left, right)) / spread,
        _stability_of_numbers(left, right),
    )


def compare_means(reference: Sequence[float], window: Sequence[float]) -> DriftTest:
    """Welch's test of two means, two-sided by the normal distribution; ``statistic`` is in standard errors, signed."""
    left, right = _numbers(reference), _numbers(window)
    spread = _pooled_deviation(left, right)
    error = math.sqrt(_variance(left) / len(left) + _variance(right) / len(right))
    if error == 0 or spread == 0:
        return _constants("mean", left, right)
    change = float(right.mean() - left.mean())
    return DriftTest("mean", change / error, _two_sided(change / error), change / spread)


def compare_shares(reference: tuple[int, int], window: tuple[int, int]) -> DriftTest:
    """Test of two shares given as (hits, rows), pooled variance; the effect is Cohen's h, positive when the share rose."""
    (hits, rows), (new_hits, new_rows) = reference, window
    if not rows or not new_rows:
        raise ValueError("no rows to compare")
    before, after = hits / rows, new_hits / new_rows
    pooled = (hits + new_hits) / (rows + new_rows)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / new_rows))
    if error == 0:
        return DriftTest("share", 0.0, 1.0, 0.0)
    effect = 2 * (math.asin(math.sqrt(after)) - math.asin(math.sqrt(before)))
    return DriftTest("share", (after - before) / error, _two_sided((after - before) / error), effect)


def adjust(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg: p-values adjusted for their number, in the given order; each at most 1."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index])
    adjusted = [1.0] * count
    least = 1.0
    for rank in range(count, 0, -1):
        index = order[rank - 1]
        least = min(least, p_values[index] * count / rank)
        adjusted[index] = least
    return adjusted


def stability_index(table: npt.NDArray[np.float64]) -> float | None:
    """Population stability index of two rows of counts with half a row added to each cell; None for too few rows.

    Only shown: a fixed threshold on it either fires without drift or is blind (specs/mlops.md, algorithm 8).
    """
    cells = table.shape[1]
    if table.sum(axis=1).min() < max(200, 20 * cells):
        return None
    shares = (table + 0.5) / (table.sum(axis=1, keepdims=True) + 0.5 * cells)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _merged(reference: Mapping[str, float], window: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """The 2 x k table of counts with rare classes together; when even those are rare they join the smallest class."""
    rows = sum(reference.values()), sum(window.values())
    if not all(rows):
        raise ValueError("no rows to compare")
    share = min(rows) / sum(rows)
    columns: dict[str, list[float]] = {}
    for name in sorted({*reference, *window}):
        pair = [float(reference.get(name, 0)), float(window.get(name, 0))]
        kept = sum(pair) * share >= LEAST_EXPECTED
        into = columns.setdefault(name if kept else _OTHER, [0.0, 0.0])
        into[0] += pair[0]
        into[1] += pair[1]
    rest = columns.get(_OTHER)
    if rest is not None and len(columns) > 1 and sum(rest) * share < LEAST_EXPECTED:
        del columns[_OTHER]
        smallest = min(columns.values(), key=sum)
        smallest[0] += rest[0]
        smallest[1] += rest[1]
    return np.array(list(columns.values()), dtype=float).T


def _numbers(values: Sequence[float]) -> npt.NDArray[np.float64]:
    if not len(values):
        raise ValueError("no rows to compare")
    return np.asarray(values, dtype=float)


def _variance(values: npt.NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _pooled_deviation(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    freedom = len(left) + len(right) - 2
    if freedom < 1:
        return 0.0
    inner = _variance(left) * (len(left) - 1) + _variance(right) * (len(right) - 1)
    deviation = math.sqrt(inner / freedom)
    # Sums of equal numbers differ in their last digits; that is no spread.
    return deviation if deviation > _DIGITS * max(1.0, float(np.abs(left).max())) else 0.0


def _constants(test: str, left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> DriftTest:
    """Two constants: the same one, or another one beyond any doubt."""
    change = float(right[0] - left[0])
    if abs(change) <= _DIGITS * max(1.0, abs(float(left[0]))):
        return DriftTest(test, 0.0, 1.0, 0.0)
    return DriftTest(test, math.copysign(_BEYOND, change), 0.0, math.copysign(_BEYOND, change))


def _stability_of_numbers(
    left: npt.NDArray[np.float64], right: npt.NDArray[np.float64], bins: int = 10
) -> float | None:
    edges = np.unique(np.quantile(left, np.linspace(0, 1, bins + 1)[1:-1]))
    table = [
        np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1)
        for side in (left, right)
    ]
    return stability_index(np.array(table, dtype=float))


def _two_sided(deviations: float) -> float:
    return math.erfc(abs(deviations) / math.sqrt(2))
