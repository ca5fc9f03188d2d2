"""Columns of a raw table: which are numbers, which are categories, and how both become arrays.

Values arrive as strings, numbers, booleans or None. Empty strings, "nan", "na", "null", "none" and "?" are missing. Rows that are
read more than once are encoded once: a matrix with the numbers as they are and the place of each category among
``level_names``. Whatever takes rows takes such a matrix, too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_LEVELS = 30
NUMERIC_SHARE = 0.95
OTHER = "\u0000other"
MISSING = "\u0000missing"

_MISSING_WORDS = frozenset({"", "nan", "na", "n/a", "null", "none", "?"})

Row = Mapping[str, Any]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A feature: ``levels`` is empty for a number, else the known categories (most frequent first)."""

    name: str
    levels: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """True for a number, False for a category."""
        return not self.levels


def is_missing(value: Any) -> bool:
    """True for None, NaN and the usual words for "no value"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in _MISSING_WORDS


def to_number(value: Any) -> float:
    """A finite float, or NaN when the value is missing or no number."""
    if is_missing(value):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def to_level(value: Any, levels: Sequence[str]) -> str:
    """The category of a value: itself when known, else ``OTHER``; ``MISSING`` when there is none."""
    if is_missing(value):
        return MISSING
    text = str(value).strip()
    return text if text in levels else OTHER


def infer_columns(rows: Sequence[Row], names: Sequence[str]) -> list[Column]:
    """Decide per name: a number when 95 % of the present values parse as one, else a category of at most 30 levels.

    Columns with a single value carry nothing and are left out.
    """
    columns = []
    for name in names:
        present = [row.get(name) for row in rows if not is_missing(row.get(name))]
        distinct = Counter(str(value).strip() for value in present)
        if not present or (len(distinct) < 2 and len(present) == len(rows)):
            continue
        numbers = sum(not math.isnan(to_number(value)) for value in present)
        if numbers >= NUMERIC_SHARE * len(present):
            columns.append(Column(name))
        else:
            ranked = sorted(distinct.items(), key=lambda item: (-item[1], item[0]))
            columns.append(Column(name, tuple(level for level, _ in ranked[:MAX_LEVELS])))
    return columns


def numeric_array(rows: Sequence[Row], column: Column) -> npt.NDArray[np.float64]:
    """Values of a numeric column, NaN where missing: ``(len(rows),)``."""
    return np.array([to_number(row.get(column.name)) for row in rows], dtype=float)


def encode(rows: Sequence[Row] | Matrix, columns: Sequence[Column]) -> Matrix:
    """One number per row and column: ``(len(rows), len(columns))``; a matrix is returned as it is."""
    if isinstance(rows, np.ndarray):
        return rows
    encoded = np.empty((len(rows), len(columns)))
    for position, column in enumerate(columns):
        encoded[:, position] = numeric_array(rows, column) if column.numeric else _places(rows, column)
    return encoded


def _places(rows: Sequence[Row], column: Column) -> Matrix:
    known, places = frozenset(column.levels), {name: place for place, name in enumerate(level_names(column))}
    return np.array([places[to_level(row.get(column.name), known)] for row in rows], dtype=float)  # type: ignore[arg-type]


def design_matrix(rows: Sequence[Row] | Matrix, columns: Sequence[Column]) -> Matrix:
    """Numbers as they are (NaN = missing) and one 0/1 column per category level, OTHER and MISSING: for boosting."""
    encoded = encode(rows, columns)
    parts = []
    for position, column in enumerate(columns):
        values = encoded[:, position]
        if column.numeric:
            parts.append(values[:, None])
        else:
            parts.append((values[:, None] == np.arange(len(level_names(column)))).astype(float))
    return np.hstack(parts) if parts else np.zeros((len(rows), 0))


def level_names(column: Column) -> tuple[str, ...]:
    """All levels of a category including the two for unknown and missing values."""
    return (*column.levels, OTHER, MISSING)
