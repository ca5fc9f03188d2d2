"""How the members of a text classifier are combined: one weight each, chosen on out-of-fold scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats, log_softmax

CALIBRATION_ROWS = 5_000
HEAVIEST = 50.0


@dataclass(frozen=True)
class Mix:
    """``softmax(sum of weight * score)`` over the members; a member's weight is its temperature and its say in one number."""

    ngram: float = 1.0
    vector: float = 0.0
    neighbours: float = 0.0

    def log_probabilities(self, scores: Mapping[str, Floats]) -> Floats:
        """Log-probabilities ``(n, classes)`` from the raw scores of the members, by name."""
        weighted: Floats = sum(
            (getattr(self, name) * given for name, given in scores.items()), np.zeros((1, 1))
        )
        return log_softmax(weighted)

    @classmethod
    def fitted(cls, scores: Mapping[str, Floats], targets: npt.NDArray[np.int_], seed: int) -> Mix:
        """The weights (0 or more) with the lowest log-loss over out-of-fold scores, on at most 5,000 rows.

        The loss is convex in the weights, so there is one answer. One row's worth of doubt is spread over all classes
        (Platt's smoothed targets), or separable scores would drive the weights up without end.
        """
        from scipy.optimize import minimize

        rows = np.arange(len(targets))
        if len(rows) > CALIBRATION_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(len(targets), CALIBRATION_ROWS, replace=False))
        names = list(scores)
        given = np.stack([scores[name][rows] for name in names])
        scales = given.std(axis=2).mean(axis=1).clip(min=1e-6)  # all weights of the same order for the search
        given = given / scales[:, None, None]
        doubt = 1 / (len(rows) + 1)
        wanted = np.full(given.shape[1:], doubt / given.shape[2])
        wanted[np.arange(len(rows)), targets[rows]] += 1 - doubt

        def loss(weights: Floats) -> tuple[float, Floats]:
            told = log_softmax(np.tensordot(weights, given, 1))
            slope = (given * (np.exp(told) - wanted)).sum(axis=(1, 2)) / len(rows)
            return float(-(wanted * told).sum() / len(rows)), slope

        start = np.full(len(names), 1 / len(names))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, HEAVIEST)] * len(names))
        weights = dict(zip(names, found.x / scales, strict=True))
        return cls(**({"ngram": 0.0} | {name: float(weight) for name, weight in weights.items()}))
