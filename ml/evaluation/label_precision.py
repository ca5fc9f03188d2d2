"""How often each of several labels (tags) is right when it is said: thresholds, precision and figures over all of them.

A label is said from the least probability on at which, on rows that the model had not seen, at least 80 % of at least ten
answers were right; it needs twenty texts that have it. It may be applied by itself only where the lower bound of that precision
(Wilson's 90 % interval) reaches 95 %. The table has the form of ``ml.evaluation.class_precision``, so that everything that
reads modes of classes reads those of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.class_precision import AUTOMATIC, OFF, SUGGEST, Bars, Precision
from ml.metrics import Floats

FEWEST_EXAMPLES = 20
FEWEST_SAID = 10
LEAST_PRECISION = 0.80
BARS = Bars(automatic=0.95, suggest=LEAST_PRECISION)
# A fixed few: the more thresholds are tried, the likelier one is good by luck.
STEPS = (0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.98)


@dataclass(frozen=True)
class JudgedLabels:
    """Probabilities of labels for rows that a model had not seen: ``wanted`` and ``probabilities`` are (rows, labels)."""

    labels: Sequence[str]
    wanted: npt.NDArray[np.bool_]
    probabilities: Floats

    def precision(self, column: int, threshold: float) -> Precision:
        """Of the rows that get the label from ``threshold`` on, how many have it."""
        said = self.probabilities[:, column] >= threshold
        return Precision.of(int(said.sum()), int(self.wanted[said, column].sum()))

    def figures(self, thresholds: Floats) -> dict[str, float]:
        """``set_figures`` of what is said at the thresholds."""
        return set_figures(self.wanted, self.probabilities >= thresholds)


def least_probability(judged: JudgedLabels, column: int) -> float | None:
    """The lowest step from which on the label is precise enough; None when there is none."""
    if judged.wanted[:, column].sum() < FEWEST_EXAMPLES:
        return None
    for step in STEPS:
        seen = judged.precision(column, step)
        if seen.said >= FEWEST_SAID and seen.value >= LEAST_PRECISION:
            return step
    return None


def measure_labels(judged: JudgedLabels, held_out: JudgedLabels) -> dict[str, Any]:
    """``{"bars", "least", "classes": {label: …}}`` as ``measure_classes`` gives it, ``least`` 0: each label has its own.

    ``held_out`` are the newest rows with the same labels. They are few and decide nothing alone; but where even the upper bound
    of a label's precision there misses a bar, the label has changed and does not get the mode.
    """
    classes = {}
    for column, label in enumerate(judged.labels):
        least = least_probability(judged, column)
        mode, threshold = OFF, STEPS[-1]
        if least is not None:
            threshold = least
            if held_out.precision(column, least).high >= BARS.suggest:
                mode = SUGGEST
            for step in (step for step in STEPS if step >= least):
                if judged.precision(column, step).low >= BARS.automatic:
                    if held_out.precision(column, step).high >= BARS.automatic and mode == SUGGEST:
                        mode, threshold = AUTOMATIC, step
                    break
        classes[label] = {
            "rows": int(judged.wanted[:, column].sum()),
            "precision": asdict(judged.precision(column, threshold if least is None else least)),
            "mode": mode,
            "threshold": threshold,
            "at_threshold": asdict(judged.precision(column, threshold)),
            "held_out": asdict(held_out.precision(column, threshold)),
        }
    return {"bars": asdict(BARS), "least": 0.0, "classes": classes}


def set_figures(wanted: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> dict[str, float]:
    """``micro_f1, macro_f1, micro_precision, micro_recall`` of (rows, labels); macro over labels that occur in either."""
    both = (wanted & said).sum(axis=0)
    sizes = wanted.sum(axis=0) + said.sum(axis=0)
    occurs = sizes > 0
    return {
        "micro_f1": float(2 * both.sum() / max(1, sizes.sum())),
        "macro_f1": float(np.mean(2 * both[occurs] / sizes[occurs])) if occurs.any() else 0.0,
        "micro_precision": float(both.sum() / max(1, said.sum())),
        "micro_recall": float(both.sum() / max(1, wanted.sum())),
    }
