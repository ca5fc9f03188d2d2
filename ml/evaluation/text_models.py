"""Figures of text models and of the trivial model that always says the most frequent class."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml.metrics import Floats, classification_figures

Answers = tuple[list[str], Floats]


def timed(predict: Callable[[], Answers], truth: Sequence[str], train_seconds: float) -> dict[str, Any]:
    """All figures of a prediction run; ``ms_per_text`` is the wall time of the whole run over its texts."""
    started = time.perf_counter()
    labels, confidence = predict()
    seconds = time.perf_counter() - started
    return {
        **classification_figures(truth, labels, confidence),
        "ms_per_text": 1_000 * seconds / len(truth),
        "train_seconds": train_seconds,
    }


def majority(train_labels: Sequence[str], allowed: Sequence[str] | None = None) -> tuple[str, float]:
    """The most frequent training label (ties: first in order) and its share; ``allowed`` restricts the choice."""
    counts = Counter(label for label in train_labels if allowed is None or label in allowed)
    label, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return label, count / counts.total()


def majority_figures(train_labels: Sequence[str], truth: Sequence[str]) -> dict[str, Any]:
    """Figures of the trivial model, which knows only the class shares of the training labels."""
    started = time.perf_counter()
    label, share = majority(train_labels)
    seconds = time.perf_counter() - started
    return timed(lambda: ([label] * len(truth), np.full(len(truth), share)), truth, seconds)
