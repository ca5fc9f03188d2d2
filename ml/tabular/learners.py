"""The two learners behind the tables: boosted one-split trees and logistic regression on binned numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.tabular.columns import Column, Matrix, Row, design_matrix, encode, level_names
from ml.tabular.tables import AdditiveTables, LevelTable, NumberTable, average

Targets = npt.NDArray[np.int_]
Rows = Sequence[Row] | Matrix
Learner = Callable[[Rows, Targets, Sequence[Column], int], AdditiveTables]

TREES = 400
LEARNING_RATE = 0.1
BINS = 8


def fit_boosted(rows: Rows, targets: Targets, columns: Sequence[Column], seed: int) -> AdditiveTables:
    """Gradient boosting whose trees have two leaves: a sum of steps, one feature each (GAM by boosting)."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = max(60, min(TREES, len(targets) // 4))
    model = HistGradientBoostingClassifier(
        max_leaf_nodes=2,
        max_iter=trees,
        learning_rate=LEARNING_RATE,
        min_samples_leaf=max(5, min(20, len(targets) // 50)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(design_matrix(rows, columns), targets)
    return _export_boosted(model, columns)


def _export_boosted(model: Any, columns: Sequence[Column]) -> AdditiveTables:
    """Collect the stumps of a fitted model per design column, then fold 0/1 columns into their category."""
    steps: dict[int, list[tuple[float, float, float, bool]]] = {}
    intercept = float(np.ravel(model._baseline_prediction)[0])
    for (tree,) in model._predictors:
        root = tree.nodes[0]
        if root["is_leaf"]:
            intercept += float(root["value"])
            continue
        left, right = tree.nodes[root["left"]]["value"], tree.nodes[root["right"]]["value"]
        step = (float(root["num_threshold"]), float(left), float(right), bool(root["missing_go_to_left"]))
        steps.setdefault(int(root["feature_idx"]), []).append(step)
    tables: list[NumberTable | LevelTable] = []
    position = 0
    for column in columns:
        if column.numeric:
            tables.append(_number_table(steps.get(position, [])))
            position += 1
            continue
        names = level_names(column)
        singles = [_number_table(steps.get(position + offset, [])) for offset in range(len(names))]
        absent = sum(float(table.look_up(np.zeros(1))[0]) for table in singles)
        values = {}
        for name, table in zip(names, singles, strict=True):
            off, on = table.look_up(np.array([0.0, 1.0]))
            values[name] = absent - float(off) + float(on)
        tables.append(LevelTable(values))
        position += len(names)
    return AdditiveTables(tuple(columns), intercept, tuple(tables))


def _number_table(steps: Sequence[tuple[float, float, float, bool]]) -> NumberTable:
    thresholds = np.array(sorted({step[0] for step in steps}))
    values = np.zeros(len(thresholds) + 1)
    missing = 0.0
    for threshold, left, right, missing_left in steps:
        place = int(np.searchsorted(thresholds, threshold))
        values[: place + 1] += left
        values[place + 1 :] += right
        missing += left if missing_left else right
    return NumberTable(tuple(thresholds.tolist()), tuple(values.tolist()), missing)


def fit_binned(rows: Rows, targets: Targets, columns: Sequence[Column], seed: int) -> AdditiveTables:
    """L2 logistic regression on quantile bins of numbers and on categories; the coefficients are the tables."""
    from sklearn.linear_model import LogisticRegression

    encoded = encode(rows, columns)
    cuts = {
        column.name: _quantiles(encoded[:, position])
        for position, column in enumerate(columns)
        if column.numeric
    }
    model = LogisticRegression(C=1.0, max_iter=1_000).fit(_indicators(encoded, columns, cuts), targets)
    coefficients = model.coef_[0]
    tables: list[NumberTable | LevelTable] = []
    position = 0
    for column in columns:
        width = len(cuts[column.name]) + 2 if column.numeric else len(level_names(column))
        values = coefficients[position : position + width].tolist()
        if column.numeric:
            tables.append(NumberTable(cuts[column.name], tuple(values[:-1]), values[-1]))
        else:
            tables.append(LevelTable(dict(zip(level_names(column), values, strict=True))))
        position += width
    return AdditiveTables(tuple(columns), float(model.intercept_[0]), tuple(tables))


def _quantiles(numbers: npt.NDArray[np.float64]) -> tuple[float, ...]:
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        return ()
    cuts = np.unique(np.quantile(present, np.arange(1, BINS) / BINS))
    return tuple(float(cut) for cut in cuts if cut < present.max())


def _indicators(encoded: Matrix, columns: Sequence[Column], cuts: Mapping[str, tuple[float, ...]]) -> Any:
    """One 1 per row and column, at the place of its bin or category; the last bin of a number is for missing ones. Sparse."""
    from scipy.sparse import csr_matrix

    places = np.empty(encoded.shape, dtype=np.int32)
    width = 0
    for position, column in enumerate(columns):
        values = encoded[:, position]
        if column.numeric:
            bins = cuts[column.name]
            found = np.searchsorted(np.array(bins), np.nan_to_num(values), side="left")
            places[:, position] = width + np.where(np.isnan(values), len(bins) + 1, found)
            width += len(bins) + 2
        else:
            places[:, position] = width + values.astype(np.int32)
            width += len(level_names(column))
    rows, held = encoded.shape
    ends = np.arange(rows + 1, dtype=np.int32) * held
    return csr_matrix((np.ones(rows * held), places.ravel(), ends), shape=(rows, width))


def fit_mean(rows: Rows, targets: Targets, columns: Sequence[Column], seed: int) -> AdditiveTables:
    """The mean of both: smoother than the one, sharper than the other."""
    return average(fit_boosted(rows, targets, columns, seed), fit_binned(rows, targets, columns, seed))


def fit_all(rows: Rows, targets: Targets, columns: Sequence[Column], seed: int) -> dict[str, AdditiveTables]:
    """One model per entry of ``LEARNERS``, for comparing them without fitting the parts of the mean twice."""
    boosted, binned = fit_boosted(rows, targets, columns, seed), fit_binned(rows, targets, columns, seed)
    return {"boosted": boosted, "binned": binned, "mean": average(boosted, binned)}


LEARNERS: dict[str, Learner] = {"boosted": fit_boosted, "binned": fit_binned, "mean": fit_mean}
