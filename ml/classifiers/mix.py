"""How the members of a text classifier are combined: one weight each, chosen on out-of-fold scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats, fit_temperature, log_softmax

CALIBRATION_ROWS = 5_000
HEAVIEST = 50.0
# Shares of the log of a class's frequency that may be taken off its score, and what that must bring and may cost.
EVENING = (0.1, 0.2, 0.3)
LEAST_GAIN = 0.01
DEAREST = 1.02


@dataclass(frozen=True)
class Mix:
    """``softmax(sum of weight * score + offset)`` over the members; a weight is temperature and say in one number.

    ``offsets``: one number per class, or none at all.
    """

    ngram: float = 1.0
    vector: float = 0.0
    neighbours: float = 0.0
    opening: float = 0.0
    opening_neighbours: float = 0.0
    offsets: tuple[float, ...] = ()

    def log_probabilities(self, scores: Mapping[str, Floats]) -> Floats:
        """Log-probabilities ``(n, classes)`` from the raw scores of the members, by name."""
        weighted: Floats = sum(
            (getattr(self, name) * given for name, given in scores.items()), np.zeros((1, 1))
        )
        return log_softmax(weighted + np.array(self.offsets) if self.offsets else weighted)

    def loss(self, scores: Mapping[str, Floats], targets: npt.NDArray[np.int_]) -> float:
        """Mean negative log-probability of the true classes."""
        return float(-self.log_probabilities(scores)[np.arange(len(targets)), targets].mean())

    def evened(self, scores: Mapping[str, Floats], targets: npt.NDArray[np.int_]) -> Mix:
        """The mix that hears rare classes better, where out-of-fold answers say that this helps; else itself.

        A share of the log of each class's frequency is taken off its score (logit adjustment, Menon et al. 2021), and one
        temperature fitted again. Kept: the share with the highest macro-F1 that is at least a point above, loses no
        accuracy and costs at most 2 % of log-loss, so that probabilities stay what they say.
        """
        plain = self.log_probabilities(scores)
        accuracy, best = _accuracy_and_f1(plain, targets)
        best, chosen, dearest = best + LEAST_GAIN, self, DEAREST * self.loss(scores, targets)
        frequency = np.log(np.bincount(targets, minlength=plain.shape[1]).clip(min=1) / len(targets))
        for share in EVENING:
            temperature = fit_temperature(plain - share * frequency, targets)
            offsets = tuple(np.round(-share * frequency / temperature, 6).tolist())
            cooler = self._weighted({name: getattr(self, name) / temperature for name in scores})
            tried = replace(cooler, offsets=offsets)
            told = tried.log_probabilities(scores)
            right, f1 = _accuracy_and_f1(told, targets)
            if f1 >= best and right >= accuracy and tried.loss(scores, targets) <= dearest:
                best, chosen = f1, tried
        return chosen

    def _weighted(self, weights: Mapping[str, float]) -> Mix:
        return Mix(**(asdict(self) | dict(weights)))

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
        return cls(ngram=0.0)._weighted({name: float(weight) for name, weight in weights.items()})


def _accuracy_and_f1(told: Floats, targets: npt.NDArray[np.int_]) -> tuple[float, float]:
    """Accuracy and macro-F1 of the most likely classes."""
    from sklearn.metrics import f1_score

    predicted = told.argmax(axis=1)
    return float((predicted == targets).mean()), float(f1_score(targets, predicted, average="macro"))
