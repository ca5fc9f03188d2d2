"""Which facts of a stream of predictions are compared, and how: words by counts, numbers by distribution, flags by share."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from ml.languages import guess_language
from ml.monitoring.drift_tests import (
    LEVEL,
    DriftTest,
    adjust,
    compare_categories,
    compare_means,
    compare_numbers,
    compare_shares,
)
from ml.monitoring.words import new_terms, unknown_shares

WINDOW_ROWS = 250
FEWEST_REFERENCE = 500
MOST_REFERENCE = 4_000
KNOWN_SHARE = 0.8
SHOWN = 8
CONFIDENCE = "confidence"
UNKNOWN_WORDS = "unknown_words"
LANGUAGE = "language"
TERMS = "terms"
# Reading texts takes most of the time; so many of the reference tell as much as all of them.
MOST_TEXTS = 2_000
FEWEST_TEXTS = 300


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


def compare_window(
    reference: Sequence[Row], window: Sequence[Row], texts: Mapping[int, str] | None = None
) -> list[Comparison]:
    """Compare every item that both sides know, in the order of their names. Raises ValueError for an empty side.

    ``texts`` are what the subjects wrote, as far as it is still there: with enough of them languages and words are compared.
    """
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
    found |= _compare_texts(reference, window, texts or {})
    names = sorted(found)
    adjusted = adjust([found[name][0].p_value for name in names])
    return [
        Comparison(name, found[name][0], p, p < LEVEL and found[name][0].notable, found[name][1])
        for name, p in zip(names, adjusted, strict=True)
    ]


def _compare_texts(
    reference: Sequence[Row], window: Sequence[Row], texts: Mapping[int, str]
) -> dict[str, tuple[DriftTest, dict[str, Any]]]:
    """Languages, and words that the older half of the reference did not know, in its newer half and in the window.

    A text is not asked about words that it brought itself, so the reference is not known better than the window.
    """
    before = [texts[row.subject_id] for row in reference if row.subject_id in texts]
    after = {row.subject_id: texts[row.subject_id] for row in window if row.subject_id in texts}
    if len(before) < FEWEST_TEXTS or len(after) < KNOWN_SHARE * len(window):
        return {}
    older, newer = before[: len(before) // 2], before[len(before) // 2 :]
    unknown = _numbers(unknown_shares(older, newer), unknown_shares(older, after.values()))
    unknown[1][TERMS] = [asdict(term) for term in new_terms(before, after)]
    languages = [[guess_language(text) or "?" for text in side] for side in (before, list(after.values()))]
    return {UNKNOWN_WORDS: unknown, LANGUAGE: _categories(languages[0], languages[1])}


def some_of(rows: Sequence[Row], most: int = MOST_TEXTS) -> list[Row]:
    """At most ``most`` of the rows, taken evenly, in their order."""
    step = max(1, math.ceil(len(rows) / most))
    return list(rows[::step])


def weighted_counts(labels: Sequence[tuple[str, float]]) -> dict[str, float]:
    """How many subjects have each label, from labels with the chance that each was drawn.

    Scaled to as many rows as the weights are worth (Kish), so that a test takes them for no more than they are.
    """
    weights = [1 / chance for _label, chance in labels]
    worth = sum(weights) / sum(weight**2 for weight in weights)
    counts: dict[str, float] = defaultdict(float)
    for (label, _chance), weight in zip(labels, weights, strict=True):
        counts[label] += weight * worth
    return dict(counts)


def compare_labels(
    reference: Sequence[tuple[str, float]], window: Sequence[tuple[str, float]], item: str
) -> Comparison:
    """Chi-squared test of true labels, each with its inclusion probability. Raises ValueError for an empty side."""
    before, after = weighted_counts(reference), weighted_counts(window)
    test = compare_categories(before, after)
    shares = [
        {name: count / sum(counts.values()) for name, count in counts.items()} for counts in (before, after)
    ]
    moved = {name: shares[1].get(name, 0.0) - shares[0].get(name, 0.0) for name in {*before, *after}}
    shown = sorted(moved, key=lambda name: (-abs(moved[name]), name))[:SHOWN]
    told = [{name: round(side.get(name, 0.0), 4) for name in shown} for side in shares]
    flagged = test.p_value < LEVEL and test.notable
    return Comparison(item, test, test.p_value, flagged, {"before": told[0], "after": told[1]})


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
