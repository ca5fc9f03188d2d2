"""How often a classifier is right when it names a class, and what may therefore be done with its word by itself.

From answers about rows that the model had not seen each class gets a precision with Wilson's interval (90 %, so the lower bound
holds with 95 %). The lower bound decides: ``automatic`` from the least probability on at which it reaches the bar, ``suggest``
where it reaches the lower bar, ``off`` below. Few rows are no evidence, so a class must have been named often enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats
from ml.monitoring.estimates import wilson

AUTOMATIC, SUGGEST, OFF = "automatic", "suggest", "off"
# Probabilities that are tried as a threshold of one class. A fixed few: the more are tried, the likelier one is good by luck.
STEPS = (0.60, 0.70, 0.80, 0.90, 0.95, 0.98)


@dataclass(frozen=True)
class Bars:
    """The lower bound of its precision that a class must reach, 0..1."""

    automatic: float = 0.90
    suggest: float = 0.60


@dataclass(frozen=True)
class Judged:
    """Answers about rows that a model had not seen, as arrays of one length; ``abstained`` ones are no answers."""

    truth: Sequence[str]
    predicted: Sequence[str]
    confidence: Floats
    abstained: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Precision:
    """Of ``said`` answers with one label ``right`` were right; interval at 90 %, 0..1 without any answer."""

    said: int
    right: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, said: int, right: int) -> Precision:
        """The share with its interval."""
        if not said:
            return cls(0, 0, 0.0, 0.0, 1.0)
        low, high = wilson(right / said, said)
        return cls(said, right, right / said, low, high)


def measure_classes(
    out_of_fold: Judged, held_out: Judged, *, least: float, bars: Bars | None = None
) -> dict[str, Any]:
    """``{"bars", "least", "classes": {label: …}}`` as a version keeps it beside its figures; plain JSON.

    ``least`` is the probability below which the model abstains. A class is ``{"rows", "precision", "mode", "threshold",
    "at_threshold", "held_out"}``: how many rows have it, its ``Precision`` above ``least``, the mode, from which probability on
    it holds, and the precision there and on the newest rows. The newest rows decide nothing alone, they are few; but where
    even the upper bound there misses a bar, the class has changed and does not get the mode.
    """
    bars = bars or Bars()
    labels = sorted({*out_of_fold.truth, *out_of_fold.predicted})
    truth = np.array(out_of_fold.truth)
    return {
        "bars": asdict(bars),
        "least": least,
        "classes": {
            label: _measured(label, int((truth == label).sum()), out_of_fold, held_out, least, bars)
            for label in labels
        },
    }


def _measured(
    label: str, rows: int, out_of_fold: Judged, held_out: Judged, least: float, bars: Bars
) -> Mapping[str, Any]:
    own = _precision(out_of_fold, label, least)
    mode, threshold, there = OFF, least, own
    for step in (least, *(step for step in STEPS if step > least)):
        seen = _precision(out_of_fold, label, step)
        if seen.low >= bars.automatic:
            if _precision(held_out, label, step).high >= bars.automatic:
                mode, threshold, there = AUTOMATIC, step, seen
            break
    if mode == OFF and own.low >= bars.suggest and _precision(held_out, label, least).high >= bars.suggest:
        mode = SUGGEST
    return {
        "rows": rows,
        "precision": asdict(own),
        "mode": mode,
        "threshold": threshold,
        "at_threshold": asdict(there),
        "held_out": asdict(_precision(held_out, label, threshold)),
    }


def _precision(judged: Judged, label: str, threshold: float) -> Precision:
    named = (np.array(judged.predicted) == label) & ~judged.abstained & (judged.confidence >= threshold)
    return Precision.of(int(named.sum()), int((np.array(judged.truth)[named] == label).sum()))
