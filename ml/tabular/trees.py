"""Boosted regression trees as plain arrays: no foreign object in a model's files, and predictions of all trees at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats

Ints = npt.NDArray[np.int64]
_ARRAYS = ("roots", "feature", "threshold", "missing_left", "left", "right", "leaf", "value")


@dataclass(frozen=True)
class Trees:
    """A sum of trees over a design matrix. The nodes of all trees lie behind each other; ``left`` and ``right`` are places
    among them, ``roots`` the places at which trees begin."""

    intercept: float
    roots: Ints
    feature: Ints
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    left: Ints
    right: Ints
    leaf: npt.NDArray[np.bool_]
    value: Floats

    @classmethod
    def of(cls, model: Any) -> Self:
        """The trees of a fitted ``HistGradientBoostingRegressor`` over numbers alone."""
        parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _ARRAYS}
        start = 0
        for (tree,) in model._predictors:
            nodes = tree.nodes
            parts["roots"].append(np.array([start]))
            parts["feature"].append(np.maximum(nodes["feature_idx"].astype(np.int64), 0))
            parts["threshold"].append(nodes["num_threshold"].astype(float))
            parts["missing_left"].append(nodes["missing_go_to_left"].astype(bool))
            parts["left"].append(nodes["left"].astype(np.int64) + start)
            parts["right"].append(nodes["right"].astype(np.int64) + start)
            parts["leaf"].append(nodes["is_leaf"].astype(bool))
            parts["value"].append(nodes["value"].astype(float))
            start += len(nodes)
        arrays = {name: np.concatenate(found) for name, found in parts.items()}
        return cls(intercept=float(np.ravel(model._baseline_prediction)[0]), **arrays)

    def predict(self, matrix: Floats) -> Floats:
        """The sum per row: ``(len(matrix),)``. NaN is a missing value."""
        rows = np.arange(len(matrix))[:, None]
        places = np.broadcast_to(self.roots, (len(matrix), len(self.roots))).copy()
        while True:
            inner = ~self.leaf[places]
            if not inner.any():
                break
            seen = matrix[rows, self.feature[places]]
            goes_left = np.where(np.isnan(seen), self.missing_left[places], seen <= self.threshold[places])
            places = np.where(inner, np.where(goes_left, self.left[places], self.right[places]), places)
        total: Floats = self.intercept + self.value[places].sum(axis=1)
        return total

    def to_arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays under names that begin with ``prefix``; the intercept is one of them."""
        named = {f"{prefix}.{name}": getattr(self, name) for name in _ARRAYS}
        return {f"{prefix}.intercept": np.array([self.intercept]), **named}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Self:
        """The inverse of ``to_arrays``; raises KeyError when one is missing."""
        named = {name: arrays[f"{prefix}.{name}"] for name in _ARRAYS}
        return cls(intercept=float(arrays[f"{prefix}.intercept"][0]), **named)
