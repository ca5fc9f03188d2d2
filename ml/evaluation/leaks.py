"""The leak sentinel: what lifts figures without any merit, found in the rows themselves.

- **Made rows.** Who evens out the outcomes before the split (SMOTE and its kin) makes rows between two real ones and then
  measures on rows that the model has half seen. Such a row lies exactly on the line between two others: among real rows with
  several free numbers that does not happen by chance.
- **Copies.** Rows drawn several times, or one subject that is held out and learned from.
- **Shuffled time.** Figures over random folds that are far better than those forward in time.
- **Feature of the future.** A feature that tells the outcome better as it stands in the row than when it is built again from
  what was recorded by the moment of the row.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats

Ints = npt.NDArray[np.int_]

NEIGHBOURS = 6
MOST_ROWS = 2_000
FEWEST_COLUMNS = 3
# Of the length of the line: rounding, and nothing else.
STRAIGHT = 1e-6
MOST_MADE = 0.01
MOST_COPIES = 0.05
MOST_SHUFFLED = 0.05
MOST_FUTURE = 0.02
MOST_CHANGED = 0.01


@dataclass(frozen=True)
class Leak:
    """What was found: its kind, in words, and how strong."""

    kind: str
    words: str
    share: float


def inspect_folds(
    matrix: Floats, outcome: Ints, folds: Ints, groups: Sequence[Hashable] | None = None
) -> list[Leak]:
    """Look at the rows of a cross-validation (numbers only, NaN for missing); at most 2,000 of each outcome are looked at."""
    found = []
    rows = _looked_at(outcome)
    made, copies = _kinship(matrix, outcome, folds, rows)
    if made > MOST_MADE:
        found.append(
            Leak(
                "made_rows",
                f"{made:.0%} of the held-out rows lie exactly between two that were learned from",
                made,
            )
        )
    if copies > MOST_COPIES:
        found.append(Leak("copies", f"{copies:.0%} of the held-out rows were learned from, too", copies))
    if groups is not None and (parted := _parted(groups, folds)):
        found.append(Leak("parted", f"{parted:.0%} of the subjects are held out and learned from", parted))
    return found


def shuffled_time(forward_auc: float | None, random_auc: float | None) -> Leak | None:
    """Compare the ranking forward in time with that over random folds of the same rows."""
    if forward_auc is None or random_auc is None or random_auc - forward_auc <= MOST_SHUFFLED:
        return None
    gain = random_auc - forward_auc
    return Leak(
        "shuffled_time",
        f"random folds give an AUC of {random_auc:.3f}, forward in time it is {forward_auc:.3f}",
        gain,
    )


def future_features(
    stored: Sequence[Mapping[str, Any]], rebuilt: Sequence[Mapping[str, Any] | None], outcome: Sequence[int]
) -> list[Leak]:
    """Compare each feature of the rows with the same built again from what was recorded by then.

    A feature leaks when it ranks the outcomes better as stored by more than 0.02 of AUC; one that merely differs in more than
    1 % of the rows is told, too: something of it was recorded later.
    """
    pairs = [
        (one, other, hit)
        for one, other, hit in zip(stored, rebuilt, outcome, strict=True)
        if other is not None
    ]
    found: list[Leak] = []
    if not pairs:
        return found
    truth = np.array([hit for _one, _other, hit in pairs])
    for name in pairs[0][0]:
        values = [[side.get(name) for side in pair[:2]] for pair in pairs]
        changed = float(np.mean([not _same(one, other) for one, other in values]))
        if changed <= MOST_CHANGED:
            continue
        numbers = np.array([[_number(one), _number(other)] for one, other in values])
        gain = _area(numbers[:, 0], truth) - _area(numbers[:, 1], truth)
        words = f"{name} differs in {changed:.0%} of the rows from what was recorded by then"
        if gain > MOST_FUTURE:
            words = f"{name} ranks by {gain:.3f} of AUC better than from what was recorded by then"
        found.append(Leak("future", words, max(gain, changed)))
    return sorted(found, key=lambda leak: -leak.share)


def _looked_at(outcome: Ints) -> Ints:
    """At most 2,000 rows of each outcome, evenly spread: resampling adds to the rarer one."""
    parts = [np.flatnonzero(outcome == value) for value in (0, 1)]
    return np.sort(np.concatenate([part[:: max(1, -(-len(part) // MOST_ROWS))] for part in parts]))


def _kinship(matrix: Floats, outcome: Ints, folds: Ints, rows: Ints) -> tuple[float, float]:
    """The largest share, over the outcomes, of held-out rows on a line with two learned ones, and of those equal to one."""
    scaled = _scaled(matrix)
    if scaled.shape[1] < FEWEST_COLUMNS:
        return 0.0, 0.0
    made, copies = [0.0], [0.0]
    for value in (0, 1):
        between, equal, seen = 0, 0, 0
        for fold in range(int(folds.max()) + 1):
            held = rows[(folds[rows] == fold) & (outcome[rows] == value)]
            train = np.flatnonzero((folds != fold) & (outcome == value))
            if len(held) and len(train) > NEIGHBOURS:
                on_line, same = _on_a_line(scaled[held], scaled[train])
                between, equal, seen = between + on_line, equal + same, seen + len(held)
        if seen:
            made.append(between / seen)
            copies.append(equal / seen)
    return max(made), max(copies)


def _on_a_line(held: Floats, train: Floats) -> tuple[int, int]:
    """How many held rows lie on a line with two of their nearest learned ones, all three different; how many equal one."""
    from sklearn.neighbors import NearestNeighbors

    # Copies among the learned rows would fill the list of neighbours.
    train = np.unique(train, axis=0)
    count = min(NEIGHBOURS, len(train))
    distances, places = NearestNeighbors(n_neighbors=count).fit(train).kneighbors(held)
    near = train[places]
    between = np.linalg.norm(near[:, :, None, :] - near[:, None, :, :], axis=3)
    first, second = np.triu_indices(count, 1)
    sides = np.stack([distances[:, first], distances[:, second], between[:, first, second]])
    longest = sides.max(axis=0)
    straight = (sides.sum(axis=0) - 2 * longest) < STRAIGHT * np.maximum(longest, 1e-9)
    # Rows that differ in one column alone lie on a line by nature.
    free = (np.abs(near - held[:, None, :]) > 1e-9).sum(axis=2)
    real = (
        (sides.min(axis=0) > 1e-9) & (free[:, first] >= FEWEST_COLUMNS) & (free[:, second] >= FEWEST_COLUMNS)
    )
    return int((straight & real).any(axis=1).sum()), int((distances[:, 0] < 1e-9).sum())


def _scaled(matrix: Floats) -> Floats:
    """Columns of mean 0 and spread 1 without those that never vary; missing values are the mean."""
    with np.errstate(all="ignore"):
        spread = np.nanstd(matrix, axis=0)
    varied = matrix[:, np.nan_to_num(spread) > 0]
    scaled: Floats = (varied - np.nanmean(varied, axis=0)) / np.nanstd(varied, axis=0)
    return np.nan_to_num(scaled)


def _parted(groups: Sequence[Hashable], folds: Ints) -> float:
    """The share of the groups of several rows that stand in several folds."""
    seen: dict[Hashable, set[int]] = {}
    for group, fold in zip(groups, folds.tolist(), strict=True):
        seen.setdefault(group, set()).add(fold)
    return sum(len(found) > 1 for found in seen.values()) / max(1, len(seen))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-6 * max(1.0, abs(one), abs(other))
    return bool(one == other)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, bool | int | float) else np.nan


def _area(values: Floats, truth: Ints) -> float:
    """How well a number ranks the outcomes, either way; 0.5 where too little is known."""
    from sklearn.metrics import roc_auc_score

    known = np.isfinite(values)
    if known.sum() < 2 or len(np.unique(truth[known])) < 2:
        return 0.5
    area = float(roc_auc_score(truth[known], values[known]))
    return max(area, 1 - area)
