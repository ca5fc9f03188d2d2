"""Which facts of a stream of predictions are compared, and how: words by counts, numbers by distribution, flags by share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from ml.monitoring.drift_tests import (
    LEVEL,
    DriftTest,
    adjust,
    compare_categories,
    compare_means,
    compare_numbers,
    compare_shares,
)

WINDOW_ROWS = 250
FEWEST_REFERENCE = 500
MOST_REFERENCE = 4_000
KNOWN_SHARE = 0.8
SHOWN = 8
CONFIDENCE = "confidence"


@dataclass(frozen=True)
class Row:
    """One prediction as it is compared."""

    pk: int
    at: datetime
    subject_id: int
    label: str
    probability: float
    abstained: bool
    facts: Mapping[str, float | str | bool]


@dataclass(frozen=True)
class Comparison:
    """One item of a window: its test, the p-value adjusted over all items, whether it is real and matters, what is shown."""

    item: str
    test: DriftTest
    p_adjusted: float
    flagged: bool
    shown: Mapping[str, Any] = field(default_factory=dict)


def compare_window(reference: Sequence[Row], window: Sequence[Row]) -> list[Comparison]:
    """Compare every item that both sides know, in the order of their names. Raises ValueError for an empty side."""
    found: dict[str, tuple[DriftTest, dict[str, Any]]] = {
        "label": _categories([row.label for row in reference], [row.label for row in window]),
        "abstained": _shares([row.abstained for row in reference], [row.abstained for row in window]),
    }
    sure = [row.probability for row in reference], [row.probability for row in window]
    found["probability"] = _numbers(*sure)
    found[CONFIDENCE] = (compare_means(*sure), found["probability"][1])
    for name in sorted({name for row in window for name in row.facts}):
        pair = [[row.facts[name] for row in side if name in row.facts] for side in (reference, window)]
        if len(pair[0]) < KNOWN_SHARE * len(reference) or len(pair[1]) < KNOWN_SHARE * len(window):
            continue
        both = pair[0] + pair[1]
        if all(isinstance(value, bool) for value in both):
            found[name] = _shares(pair[0], pair[1])
        elif all(isinstance(value, int | float) for value in both):
            found[name] = _numbers(pair[0], pair[1])
        else:
            found[name] = _categories([str(value) for value in pair[0]], [str(value) for value in pair[1]])
    names = sorted(found)
    adjusted = adjust([found[name][0].p_value for name in names])
    return [
        Comparison(name, found[name][0], p, p < LEVEL and found[name][0].notable, found[name][1])
        for name, p in zip(names, adjusted, strict=True)
    ]


def same_weekdays(reference: Sequence[Row], window: Sequence[Row]) -> Sequence[Row]:
    """The reference rows of the window's days of the week, where there are enough of them; else all."""
    days = {row.at.weekday() for row in window}
    kept = [row for row in reference if row.at.weekday() in days]
    return kept if len(kept) >= FEWEST_REFERENCE else reference


def strangest(window: Sequence[Row], most: int = 5) -> list[int]:
    """Subjects to look at first: the least familiar, then the least certain."""
    ranked = sorted(
        window, key=lambda row: (float(row.facts.get("familiarity", 1.0)), row.probability, row.pk)
    )
    return [row.subject_id for row in ranked[:most]]


def _categories(left: Sequence[str], right: Sequence[str]) -> tuple[DriftTest, dict[str, Any]]:
    before, after = Counter(left), Counter(right)
    moved = {name: after[name] / len(right) - before[name] / len(left) for name in {*before, *after}}
    shown = sorted(moved, key=lambda name: (-abs(moved[name]), name))[:SHOWN]
    return compare_categories(before, after), {
        "before": {name: round(before[name] / len(left), 4) for name in shown},
        "after": {name: round(after[name] / len(right), 4) for name in shown},
    }


def _numbers(left: Sequence[Any], right: Sequence[Any]) -> tuple[DriftTest, dict[str, Any]]:
    quarters = [
        np.quantile(np.asarray(side, dtype=float), (0.25, 0.5, 0.75)).round(4) for side in (left, right)
    ]
    return compare_numbers(left, right), {"before": quarters[0].tolist(), "after": quarters[1].tolist()}


def _shares(left: Sequence[Any], right: Sequence[Any]) -> tuple[DriftTest, dict[str, Any]]:
    return compare_shares((sum(left), len(left)), (sum(right), len(right))), {
        "before": round(sum(left) / len(left), 4),
        "after": round(sum(right) / len(right), 4),
    }
