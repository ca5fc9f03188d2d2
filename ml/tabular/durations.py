"""How long something takes: the median and a time that eight of ten stay within, by gradient boosting on quantile loss.

Learned on log(1 + hours), which quantiles do not mind and boosting likes. The second quantile is widened by what the newest
fifth of the rows needed beyond it (split-conformal, Romano et al. 2019), so that "8 of 10" holds on newer rows, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ml.artefacts import Artefact, ArtefactRefused
from ml.metrics import Floats
from ml.tabular.columns import Column, Row, design_matrix, infer_columns
from ml.tabular.model import NotEnoughData
from ml.tabular.trees import Trees
from ml.threads import single_thread

KIND = "duration-quantiles/1"
MEDIAN, LIKELY = 0.5, 0.8
QUANTILES = (MEDIAN, LIKELY)
TREES = 120
LEAVES = 16
CALIBRATION_SHARE = 0.2


@dataclass(frozen=True)
class DurationPrediction:
    """Hours: half stay within ``median_hours``, eight of ten within ``likely_hours``."""

    median_hours: float
    likely_hours: float


@dataclass(frozen=True)
class DurationModel:
    """Two quantiles of a duration; build it with ``train`` or ``from_artefact``. ``shift`` is added to the upper one."""

    columns: tuple[Column, ...]
    median: Trees
    likely: Trees
    shift: float = 0.0

    @classmethod
    def train(
        cls,
        rows: Sequence[Row],
        hours: Sequence[float],
        names: Sequence[str],
        *,
        seed: int = 0,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Self:
        """Learn from ``rows``, oldest first, that took ``hours`` (0 or more), by the features ``names``.

        Raises ``NotEnoughData`` when no feature varies.
        """
        columns = tuple(infer_columns(rows, names))
        if not columns:
            raise NotEnoughData("no feature has more than one value")
        target = np.log1p(np.maximum(np.array(hours, dtype=float), 0.0))
        matrix = design_matrix(rows, columns)
        with single_thread():
            shift = _shift(matrix, target, seed)
            median, likely = (_fit(matrix, target, quantile, seed) for quantile in QUANTILES)
        report(f"learned {len(rows)} durations; the upper quantile moved by {shift:+.3f}")
        return cls(columns, median, likely, shift)

    def hours(self, rows: Sequence[Row]) -> Floats:
        """Median and upper quantile per row, ascending: ``(len(rows), 2)``."""
        matrix = design_matrix(rows, self.columns)
        median = self.median.predict(matrix)
        likely = np.maximum(median, self.likely.predict(matrix) + self.shift)
        told: Floats = np.maximum(np.expm1(np.column_stack([median, likely])), 0.0)
        return told

    def predict(self, rows: Sequence[Row]) -> list[DurationPrediction]:
        """What is told about each row."""
        if not rows:
            return []
        return [DurationPrediction(float(median), float(likely)) for median, likely in self.hours(rows)]

    def to_artefact(self) -> Artefact:
        """Arrays, and the columns as JSON."""
        model = {
            "kind": KIND,
            "shift": self.shift,
            "columns": [{"name": one.name, "levels": list(one.levels)} for one in self.columns],
        }
        arrays = self.median.to_arrays("median") | self.likely.to_arrays("likely")
        return Artefact(metadata={"model": model}, arrays=arrays)

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Rebuild a stored model; raises ``ArtefactRefused`` when it is of another kind."""
        model = artefact.metadata.get("model", {})
        if model.get("kind") != KIND:
            raise ArtefactRefused(f"this is no {KIND} model")
        columns = tuple(Column(one["name"], tuple(one["levels"])) for one in model["columns"])
        median, likely = (Trees.from_arrays(artefact.arrays, name) for name in ("median", "likely"))
        return cls(columns, median, likely, float(model["shift"]))


def _shift(matrix: Floats, target: Floats, seed: int) -> float:
    """What the newest rows needed beyond the upper quantile that older ones taught; 0 when they needed less."""
    cut = round(len(target) * (1 - CALIBRATION_SHARE))
    if cut < 20 or len(target) - cut < 20:
        return 0.0
    older = _fit(matrix[:cut], target[:cut], LIKELY, seed)
    return max(0.0, float(np.quantile(target[cut:] - older.predict(matrix[cut:]), LIKELY)))


def _fit(matrix: Floats, target: Floats, quantile: float, seed: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model: Any = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=max(30, min(TREES, len(target) // 10)),
        max_leaf_nodes=LEAVES,
        learning_rate=0.08,
        min_samples_leaf=max(5, min(40, len(target) // 100)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return Trees.of(model.fit(matrix, target))
