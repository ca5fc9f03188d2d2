"""Comparing two models on the same rows: differences of their losses, with what luck alone would do to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.metrics import Floats
from ml.registry import HeldOut

ONE_SIDED_95 = 1.645


def mean_and_error(differences: Floats, groups: Sequence[str]) -> tuple[float, float]:
    """Mean of paired differences and its standard error; rows of one group (an account) count as one draw."""
    sums: dict[str, float] = {}
    mean = float(differences.mean())
    for number, (difference, group) in enumerate(zip(differences, groups, strict=True)):
        key = group or f"#{number}"
        sums[key] = sums.get(key, 0.0) + float(difference) - mean
    clusters = len(sums)
    if clusters < 2:
        return mean, float("inf")
    spread = sum(value**2 for value in sums.values()) * clusters / (clusters - 1)
    return mean, float(np.sqrt(spread)) / len(differences)


def gain_over_baseline(held_out: Sequence[HeldOut]) -> tuple[float, float]:
    """By how much the loss is below the trivial model's, and the lower end of the one-sided 95 % interval."""
    gains = np.array([row.baseline_loss - row.loss for row in held_out])
    mean, error = mean_and_error(gains, [row.group for row in held_out])
    return mean, mean - ONE_SIDED_95 * error


def surely_better(held_out: Sequence[HeldOut]) -> bool:
    """Whether the model beats the trivial one beyond luck."""
    return bool(held_out) and gain_over_baseline(held_out)[1] > 0


def mcnemar(won: int, lost: int) -> float:
    """One-sided mid-p of McNemar's test: how likely so many won rows are when both models are alike."""
    from scipy.stats import binom

    if won + lost == 0:
        return 1.0
    return float(binom.sf(won, won + lost, 0.5) + 0.5 * binom.pmf(won, won + lost, 0.5))


def macro_f1(truth: Sequence[str], answers: Sequence[str]) -> float:
    """Mean F1 of the labels that occur in either."""
    from sklearn.metrics import f1_score

    return float(f1_score(list(truth), list(answers), average="macro", zero_division=0))


def upper_tail(mean: float, error: float) -> float:
    """How likely a mean this far above 0 is by chance."""
    from scipy.stats import norm

    if error == 0:
        return 0.0 if mean > 0 else 1.0
    return float(norm.sf(mean / error))
