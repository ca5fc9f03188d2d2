"""Two models on the same held-out rows: figures with intervals, their differences, calibration, coverage, confusions.

Intervals are percentiles at 95 % of 300 draws of the rows with replacement; rows of one group (an account) are drawn together.
A row is known by its digest, so a row whose label was corrected meanwhile is another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import CALIBRATION_BINS, Floats
from ml.registry import HeldOut

DRAWS = 300
FEWEST_SHARED = 30
# The accuracy that answers need that no person looks at.
TARGET = 0.95
CURVE_POINTS = 60


@dataclass(frozen=True)
class Interval:
    """A figure or a difference; ``low`` to ``high`` holds 95 % of the draws."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Rows of like confidence (``number`` of ten, from 0): mean confidence, share that came true, rows."""

    number: int
    told: float
    right: float
    rows: int


@dataclass(frozen=True)
class Answers:
    """What one version said about held-out rows, as columns."""

    rows: Sequence[HeldOut]
    yes_no: bool

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the label, or of the outcome for yes/no tasks; 0 where none was given."""
        return np.array([row.probability or 0.0 for row in self.rows])

    @cached_property
    def hits(self) -> Floats:
        """1 for a right answer; for yes/no tasks 1 where the outcome came."""
        return np.array(
            [row.truth if self.yes_no else row.truth == row.answer for row in self.rows], dtype=float
        )

    @cached_property
    def losses(self) -> Floats:
        """How wrong each answer was."""
        return np.array([row.loss for row in self.rows])

    @cached_property
    def errors(self) -> Floats:
        """By how much each number was wrong."""
        return np.array([abs(float(row.truth) - float(row.answer)) for row in self.rows])

    @cached_property
    def baseline_losses(self) -> Floats:
        """How wrong the trivial model's answers were."""
        return np.array([row.baseline_loss for row in self.rows])

    @cached_property
    def labels(self) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_], int]:
        """Truths and answers as numbers, and how many labels there are."""
        names = sorted({str(row.truth) for row in self.rows} | {str(row.answer) for row in self.rows})
        number = {name: index for index, name in enumerate(names)}
        truth = np.array([number[str(row.truth)] for row in self.rows])
        answers = np.array([number[str(row.answer)] for row in self.rows])
        return truth, answers, len(names)

    @cached_property
    def bins(self) -> npt.NDArray[np.int_]:
        """The calibration bin of each row."""
        found: npt.NDArray[np.int_] = np.clip(
            (self.confidence * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1
        )
        return found

    @cached_property
    def by_confidence(self) -> npt.NDArray[np.int_]:
        """Row numbers, the surest first."""
        found: npt.NDArray[np.int_] = np.argsort(-self.confidence, kind="stable")
        return found

    @cached_property
    def probability_ranks(self) -> tuple[npt.NDArray[np.int_], int]:
        """For each row the rank of its probability among the different ones, and how many there are."""
        values, ranks = np.unique(self.confidence, return_inverse=True)
        return ranks, len(values)


Statistic = Callable[[Answers, Floats], float]


def _accuracy(answers: Answers, weights: Floats) -> float:
    return float(weights @ answers.hits / weights.sum())


def _macro_f1(answers: Answers, weights: Floats) -> float:
    truth, said, labels = answers.labels
    right = np.bincount(truth, weights * (truth == said), labels)
    both = np.bincount(truth, weights, labels) + np.bincount(said, weights, labels)
    occurs = both > 0
    return float(np.mean(2 * right[occurs] / both[occurs]))


def _calibration(answers: Answers, weights: Floats) -> float:
    gaps = np.bincount(answers.bins, weights * (answers.hits - answers.confidence), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def _coverage(answers: Answers, weights: Floats) -> float:
    order = answers.by_confidence
    taken = np.cumsum(weights[order])
    right = np.cumsum((weights * answers.hits)[order])
    good = np.flatnonzero((taken > 0) & (right >= TARGET * taken))
    return float(taken[good[-1]] / taken[-1]) if len(good) else 0.0


def _auc(answers: Answers, weights: Floats) -> float:
    ranks, count = answers.probability_ranks
    came = np.bincount(ranks, weights * answers.hits, count)
    stayed = np.bincount(ranks, weights * (1 - answers.hits), count)
    pairs = came.sum() * stayed.sum()
    below = np.cumsum(stayed) - stayed / 2
    return float(came @ below / pairs) if pairs else 0.5


def _absolute_error(answers: Answers, weights: Floats) -> float:
    return float(weights @ answers.errors / weights.sum())


def _loss(answers: Answers, weights: Floats) -> float:
    return float(weights @ answers.losses / weights.sum())


LABEL_FIGURES: dict[str, Statistic] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "ece": _calibration,
    "coverage": _coverage,
}
YES_NO_FIGURES: dict[str, Statistic] = {"roc_auc": _auc, "brier": _loss, "ece": _calibration}
NUMBER_FIGURES: dict[str, Statistic] = {"mae": _absolute_error, "log_error": _loss}
LOWER_IS_BETTER = frozenset(("ece", "brier", "mae", "log_error"))


@dataclass(frozen=True)
class Comparison:
    """What is shown of one version, or of two: ``ours`` the one in question, ``theirs`` the other one.

    With at least 30 rows that both were measured on (``shared``) all figures are about these and ``differences`` are paired;
    otherwise each is about its own rows and there are none.
    """

    rows: int
    shared: bool
    ours: dict[str, Interval]
    theirs: dict[str, Interval]
    differences: dict[str, Interval]
    our_bins: list[Bin]
    their_bins: list[Bin]
    our_curve: list[tuple[float, float]]
    their_curve: list[tuple[float, float]]
    confusions: list[tuple[str, str, int, int | None]]  # truth, answer, ours, theirs
    baseline_loss: float


def compare(
    ours: Sequence[HeldOut], theirs: Sequence[HeldOut], *, yes_no: bool, numeric: bool = False
) -> Comparison | None:
    """Compare; ``theirs`` may be empty. None without rows. Numbers have errors alone: no calibration, no confusions."""
    if not ours:
        return None
    others = {row.row: row for row in theirs}
    common = [row for row in ours if row.row in others]
    shared = len(common) >= FEWEST_SHARED
    mine = Answers(common if shared else ours, yes_no)
    other = Answers([others[row.row] for row in common] if shared else theirs, yes_no)
    figures = NUMBER_FIGURES if numeric else YES_NO_FIGURES if yes_no else LABEL_FIGURES
    our_draws = _drawn(mine, figures)
    their_draws = _drawn(other, figures) if other.rows else {}
    our_confusions = Counter() if numeric else _confused(mine.rows)
    their_confusions = _confused(other.rows) if shared else None
    return Comparison(
        rows=len(mine.rows),
        shared=shared,
        ours=_intervals(our_draws),
        theirs=_intervals(their_draws),
        differences=_intervals({key: our_draws[key] - their_draws[key] for key in figures}) if shared else {},
        our_bins=[] if numeric else calibration_bins(mine),
        their_bins=[] if numeric else calibration_bins(other),
        our_curve=[] if numeric else coverage_curve(mine),
        their_curve=[] if numeric else coverage_curve(other),
        confusions=[
            (truth, answer, count, their_confusions[truth, answer] if their_confusions is not None else None)
            for (truth, answer), count in sorted(our_confusions.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        baseline_loss=float(mine.baseline_losses.mean()),
    )


def calibration_bins(answers: Answers) -> list[Bin]:
    """The bins that hold rows, in order."""
    if not answers.rows:
        return []
    counts = np.bincount(answers.bins, minlength=CALIBRATION_BINS)
    told = np.bincount(answers.bins, answers.confidence, CALIBRATION_BINS)
    right = np.bincount(answers.bins, answers.hits, CALIBRATION_BINS)
    return [
        Bin(number, float(told[number] / count), float(right[number] / count), int(count))
        for number, count in enumerate(counts)
        if count
    ]


def coverage_curve(answers: Answers) -> list[tuple[float, float]]:
    """Accuracy of the surest rows by their share of all, at up to 60 places; none for yes/no tasks."""
    if not answers.rows or answers.yes_no:
        return []
    running = np.cumsum(answers.hits[answers.by_confidence])
    total = len(running)
    # The first few rows are either right or wrong and say nothing about a share.
    kept = np.unique(np.linspace(min(total, 20), total, CURVE_POINTS).round().astype(int))
    return [(float(rows / total), float(running[rows - 1] / rows)) for rows in kept]


def _confused(rows: Sequence[HeldOut]) -> Counter[tuple[str, str]]:
    return Counter((str(row.truth), str(row.answer)) for row in rows if row.truth != row.answer)


def _drawn(answers: Answers, figures: dict[str, Statistic]) -> dict[str, Floats]:
    """Each figure of the rows as they are, and then of each draw; the same rows in the same order are drawn alike."""
    groups = [row.group or f"#{number}" for number, row in enumerate(answers.rows)]
    names, members = np.unique(groups, return_inverse=True)
    draw = np.random.default_rng(0)
    weights: list[Any] = [np.ones(len(members))]
    weights += [
        np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names))[members].astype(float)
        for _draw in range(DRAWS)
    ]
    return {key: np.array([figure(answers, drawn) for drawn in weights]) for key, figure in figures.items()}


def _intervals(draws: dict[str, Floats]) -> dict[str, Interval]:
    return {
        key: Interval(float(values[0]), *(float(end) for end in np.percentile(values[1:], (2.5, 97.5))))
        for key, values in draws.items()
    }
