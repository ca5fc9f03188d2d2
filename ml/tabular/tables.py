"""Additive lookup tables: log-odds = intercept + one number per feature, read from a table by the feature's value.

The form that boosted one-split trees and binned logistic regression share. Scoring is a search in a sorted list, the
contribution of a feature is the number itself (equal to its interventional SHAP value), and a model is a page of JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.tabular.columns import MISSING, OTHER, Column, Row, encode, level_names

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to the log-odds of a row, against the average row of the training data."""

    feature: str
    value: Any
    log_odds: float


@dataclass(frozen=True)
class NumberTable:
    """``values[i]`` applies to thresholds[i-1] < x <= thresholds[i]; ``missing`` where there is no number."""

    thresholds: tuple[float, ...]
    values: tuple[float, ...]
    missing: float

    def look_up(self, numbers: Floats) -> Floats:
        """Log-odds per number: same shape."""
        places = np.searchsorted(np.array(self.thresholds), np.nan_to_num(numbers), side="left")
        return np.where(np.isnan(numbers), self.missing, np.array(self.values)[places])


@dataclass(frozen=True)
class LevelTable:
    """Log-odds per category, including the entries for unknown and missing values."""

    values: dict[str, float]

    def look_up(self, places: Floats, levels: Sequence[str]) -> Floats:
        """Log-odds per category, which is given by its place among ``levels``: same shape."""
        known = np.array([self.values.get(level, self.values.get(OTHER, 0.0)) for level in levels])
        return known[places.astype(np.int64)]


@dataclass(frozen=True)
class AdditiveTables:
    """An intercept and one centred table per column."""

    columns: tuple[Column, ...]
    intercept: float
    tables: tuple[NumberTable | LevelTable, ...]

    def parts(self, rows: Sequence[Row] | Floats) -> Floats:
        """Contribution of every column for every row, in log-odds: ``(len(rows), len(columns))``."""
        encoded = encode(rows, self.columns)
        parts = np.zeros((len(encoded), len(self.columns)))
        for position, (column, table) in enumerate(zip(self.columns, self.tables, strict=True)):
            if isinstance(table, NumberTable):
                parts[:, position] = table.look_up(encoded[:, position])
            else:
                parts[:, position] = table.look_up(encoded[:, position], level_names(column))
        return parts

    def log_odds(self, rows: Sequence[Row] | Floats) -> Floats:
        """Intercept plus all contributions: ``(len(rows),)``."""
        totals: Floats = self.parts(rows).sum(axis=1) + self.intercept
        return totals

    def centred(self, rows: Sequence[Row] | Floats) -> Self:
        """The same model with every table shifted to mean zero over ``rows``, so that 0 means "as the average"."""
        means = self.parts(rows).mean(axis=0)
        shifted = [_shift(table, -mean) for table, mean in zip(self.tables, means, strict=True)]
        return type(self)(self.columns, self.intercept + float(means.sum()), tuple(shifted))

    def scaled(self, slope: float, offset: float) -> Self:
        """The model with log-odds ``slope * z + offset`` (Platt calibration keeps it additive)."""
        scaled = tuple(_scale(table, slope) for table in self.tables)
        return type(self)(self.columns, self.intercept * slope + offset, scaled)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers, for the artefact's metadata."""
        tables = []
        for column, table in zip(self.columns, self.tables, strict=True):
            entry: dict[str, Any] = {"name": column.name, "levels": list(column.levels)}
            if isinstance(table, NumberTable):
                entry |= {
                    "thresholds": list(table.thresholds),
                    "values": list(table.values),
                    "missing": table.missing,
                }
            else:
                entry["values"] = [table.values[level] for level in level_names(column)]
            tables.append(entry)
        return {"intercept": self.intercept, "tables": tables}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The inverse of ``to_json``; raises ``KeyError`` or ``ValueError`` when the JSON is another thing."""
        columns: list[Column] = []
        tables: list[NumberTable | LevelTable] = []
        for entry in stored["tables"]:
            column = Column(entry["name"], tuple(entry["levels"]))
            columns.append(column)
            if column.numeric:
                tables.append(
                    NumberTable(tuple(entry["thresholds"]), tuple(entry["values"]), entry["missing"])
                )
            else:
                tables.append(LevelTable(dict(zip(level_names(column), entry["values"], strict=True))))
        return cls(tuple(columns), float(stored["intercept"]), tuple(tables))


def average(first: AdditiveTables, second: AdditiveTables) -> AdditiveTables:
    """The mean of two models over the same columns; still additive."""
    tables = tuple(_mean(a, b) for a, b in zip(first.tables, second.tables, strict=True))
    return AdditiveTables(first.columns, (first.intercept + second.intercept) / 2, tables)


def _mean(first: NumberTable | LevelTable, second: NumberTable | LevelTable) -> NumberTable | LevelTable:
    if isinstance(first, LevelTable) and isinstance(second, LevelTable):
        return LevelTable({level: (first.values[level] + second.values[level]) / 2 for level in first.values})
    if isinstance(first, NumberTable) and isinstance(second, NumberTable):
        thresholds = sorted({*first.thresholds, *second.thresholds})
        # One point inside every interval: each threshold belongs to the interval that it closes.
        points = np.array([*thresholds, (thresholds[-1] + 1.0) if thresholds else 0.0])
        values = (first.look_up(points) + second.look_up(points)) / 2
        return NumberTable(tuple(thresholds), tuple(values.tolist()), (first.missing + second.missing) / 2)
    raise ValueError("the two models see a column differently")


def _shift(table: NumberTable | LevelTable, by: float) -> NumberTable | LevelTable:
    return _map(table, lambda value: value + float(by))


def _scale(table: NumberTable | LevelTable, by: float) -> NumberTable | LevelTable:
    return _map(table, lambda value: value * float(by))


def _map(table: NumberTable | LevelTable, change: Any) -> NumberTable | LevelTable:
    if isinstance(table, LevelTable):
        return LevelTable({level: change(value) for level, value in table.values.items()})
    return NumberTable(
        table.thresholds, tuple(change(value) for value in table.values), change(table.missing)
    )


__all__ = ["MISSING", "OTHER", "AdditiveTables", "Contribution", "LevelTable", "NumberTable", "average"]
