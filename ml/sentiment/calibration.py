"""Turning logits into probabilities that mean what they say, and choosing from which probability on an answer is "yes".

Sentiment has one temperature (Guo et al. 2017); each other answer has slope and offset of its own (Platt 1999). All are
fitted on validation rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats, log_softmax
from ml.sentiment.heads import HEADS

MOODS = 3
GRID = np.linspace(0.1, 0.8, 71)
WANTED_PRECISION = 0.6  # a tenth above what may be shown: held-out rows are never quite as good
SMOOTHED = 7  # thresholds that are averaged: a few dozen rows make the curve jump


@dataclass(frozen=True)
class Calibration:
    """The temperature of the sentiments, and slope and offset of each of ``HEADS``."""

    temperature: float
    slopes: Floats
    offsets: Floats

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Calibration:
        """From the adapter's card."""
        return cls(
            float(stored["temperature"]),
            np.array([stored["slopes"][head] for head in HEADS]),
            np.array([stored["offsets"][head] for head in HEADS]),
        )

    def stored(self) -> dict[str, Any]:
        """For the adapter's card."""
        return {
            "temperature": self.temperature,
            "slopes": dict(zip(HEADS, map(float, self.slopes), strict=True)),
            "offsets": dict(zip(HEADS, map(float, self.offsets), strict=True)),
        }

    def applied(self, logits: Floats) -> tuple[Floats, Floats]:
        """Probabilities of the sentiments ``(n, 3)`` and of ``HEADS`` ``(n, len(HEADS))``."""
        if not len(logits):
            return np.zeros((0, MOODS)), np.zeros((0, len(HEADS)))
        answers = 1 / (1 + np.exp(-(logits[:, MOODS:] * self.slopes + self.offsets)))
        return np.exp(log_softmax(logits[:, :MOODS] / self.temperature)), answers


def fit_platt(
    logits: Floats, truth: npt.NDArray[np.bool_], weights: Floats | None = None
) -> tuple[float, float]:
    """Slope and offset with the lowest (weighted) log-loss under Platt's smoothed targets; (1, 0) when only one answer occurs."""
    from scipy.optimize import minimize

    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return 1.0, 0.0
    target = np.where(truth, (positive + 1) / (positive + 2), 1 / (len(truth) - positive + 2))

    def loss(values: Floats) -> float:
        score = values[0] * logits + values[1]
        return float(np.average(np.logaddexp(0, score) - target * score, weights=weights))

    found = minimize(loss, np.array([1.0, 0.0]), bounds=((0.05, 5.0), (-10.0, 10.0)), method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def best_threshold(probability: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """The probability from which on "yes" gives the best F1 among those where it is right often enough to be shown.

    Both curves are smoothed. Where no threshold is right in 60 % the best F1 decides; 0.5 when nothing is true.
    """
    if not truth.any():
        return 0.5
    f1 = _smoothed([_f1(probability >= threshold, truth) for threshold in GRID])
    right = _smoothed([_precision(probability >= threshold, truth) for threshold in GRID])
    enough = right >= WANTED_PRECISION
    return float(GRID[np.where(enough, f1, -1.0).argmax() if enough.any() else f1.argmax()])


def _smoothed(curve: list[float]) -> Floats:
    padded = np.pad(np.array(curve), SMOOTHED // 2, mode="edge")
    return np.convolve(padded, np.full(SMOOTHED, 1 / SMOOTHED), mode="valid")


def _precision(predicted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float((predicted & truth).sum() / max(predicted.sum(), 1))


def _f1(predicted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float(2 * (predicted & truth).sum() / max(predicted.sum() + truth.sum(), 1))
