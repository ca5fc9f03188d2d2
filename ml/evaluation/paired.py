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
