"""Figures for classifiers: accuracy, macro-F1, calibration error, accuracy by coverage, ranking and lift.

All inputs are one-dimensional arrays of equal length; all results are fractions 0..1 unless said otherwise. An empty
input raises ``ValueError``: there is no figure for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COVERAGES = (0.80, 0.90, 0.95, 0.98, 1.00)
CALIBRATION_BINS = 10


def _require_rows(values: Sequence[Any] | npt.NDArray[Any]) -> None:
    if len(values) == 0:
        raise ValueError("no rows to measure")


def calibration_error(
    confidence: Floats, hits: npt.NDArray[np.bool_] | Floats, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015): sum of n_b/n * |mean hit - mean p|."""
    _require_rows(confidence)
    edges = np.clip((np.asarray(confidence) * bins).astype(int), 0, bins - 1)
    counts = np.bincount(edges, minlength=bins)
    gaps = np.bincount(edges, weights=np.asarray(hits, dtype=float), minlength=bins) - np.bincount(
        edges, weights=confidence, minlength=bins
    )
    return float(np.abs(gaps)[counts > 0].sum() / len(confidence))


def accuracy_by_coverage(confidence: Floats, hits: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Accuracy among the most confident share of rows: ``{"0.98": accuracy, ...}``; ties keep their order."""
    _require_rows(confidence)
    order = np.argsort(-np.asarray(confidence), kind="stable")
    running = np.cumsum(np.asarray(hits, dtype=float)[order])
    kept = {share: max(1, round(share * len(order))) for share in COVERAGES}
    return {f"{share:.2f}": float(running[rows - 1] / rows) for share, rows in kept.items()}


def classification_figures(
    truth: Sequence[str], predicted: Sequence[str], confidence: Floats
) -> dict[str, Any]:
    """``accuracy, macro_f1, ece, coverage`` of predicted labels; macro-F1 over every label that occurs in either."""
    from sklearn.metrics import f1_score

    _require_rows(truth)
    hits = np.array([left == right for left, right in zip(truth, predicted, strict=True)])
    return {
        "accuracy": float(hits.mean()),
        "macro_f1": float(f1_score(list(truth), list(predicted), average="macro", zero_division=0)),
        "ece": calibration_error(confidence, hits),
        "coverage": accuracy_by_coverage(confidence, hits),
    }


def ranking_figures(truth: npt.NDArray[np.int_], probability: Floats) -> dict[str, float | None]:
    """``roc_auc, pr_auc, brier, ece, lift_at_10`` of a binary probability; rankings are None with one class only.

    ``lift_at_10`` is the rate of positives among the 10 % highest probabilities over the overall rate; rows that tie
    at the cut count with the expected share, so a constant probability has lift 1 in any row order.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    _require_rows(truth)
    ranked = 0 < truth.sum() < len(truth)
    return {
        "roc_auc": float(roc_auc_score(truth, probability)) if ranked else None,
        "pr_auc": float(average_precision_score(truth, probability)) if ranked else None,
        "brier": float(np.mean((probability - truth) ** 2)),
        "ece": calibration_error(probability, truth.astype(float)),
        "lift_at_10": _lift(truth, probability, 0.10) if truth.sum() else None,
    }


def _lift(truth: npt.NDArray[np.int_], probability: Floats, share: float) -> float:
    wanted = max(1, round(share * len(truth)))
    cut = np.sort(probability)[::-1][wanted - 1]
    above, tied = probability > cut, probability == cut
    expected = truth[above].sum() + truth[tied].mean() * (wanted - above.sum())
    return float(expected / wanted / truth.mean())


def fit_temperature(logits: Floats, targets: npt.NDArray[np.int_], weights: Floats | None = None) -> float:
    """The T that minimises the weighted log-loss of softmax(logits / T) (Guo et al. 2017); within 0.05..20.

    ``logits`` is ``(n, classes)``, ``targets`` holds column numbers. One row's worth of doubt is spread over all classes
    (Platt's smoothed targets), or separable data would drive T to zero. Golden-section search on log T.
    """
    doubt = 1 / (len(targets) + 1)
    share = np.full(len(targets), 1 / len(targets)) if weights is None else weights / weights.sum()

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature))
        told = scaled[np.arange(len(targets)), targets]
        return float(-(share * ((1 - doubt) * told + doubt * scaled.mean(axis=1))).sum())

    return float(np.exp(_golden_section(loss, np.log(0.05), np.log(20.0))))


def _golden_section(loss: Callable[[float], float], low: float, high: float, steps: int = 40) -> float:
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    left_loss, right_loss = loss(left), loss(right)
    for _ in range(steps):
        if left_loss < right_loss:
            high, right, right_loss = right, left, left_loss
            left = high - ratio * (high - low)
            left_loss = loss(left)
        else:
            low, left, left_loss = left, right, right_loss
            right = low + ratio * (high - low)
            right_loss = loss(right)
    return (low + high) / 2


def log_softmax(logits: Floats) -> Floats:
    """Row-wise log of softmax, stable for large logits; same shape."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
