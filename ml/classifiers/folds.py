"""Fold numbers for out-of-fold predictions, balanced over classes however small they are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

FOLDS = 5
FEWEST_ROWS = 6


def assign_folds(targets: npt.NDArray[np.int_], seed: int, folds: int = FOLDS) -> npt.NDArray[np.int_] | None:
    """A fold number for every row, each class spread evenly; None when there are too few rows to hold any out.

    With fewer than ``folds`` rows in every class the number of folds is the size of the largest class. A class with
    one row is then judged by models that never saw it, which is what happens to it in service, too.
    """
    counts = np.bincount(targets)
    folds = min(folds, int(counts.max()))
    if len(targets) < FEWEST_ROWS or folds < 2:
        return None
    numbers = np.empty(len(targets), dtype=int)
    draw = np.random.default_rng(seed)
    offset = 0
    for value in np.flatnonzero(counts):
        rows = draw.permutation(np.flatnonzero(targets == value))
        numbers[rows] = (np.arange(len(rows)) + offset) % folds
        offset += len(rows)
    return numbers


def assign_group_folds(
    targets: npt.NDArray[np.int_], groups: Sequence[Hashable], seed: int, folds: int = FOLDS
) -> npt.NDArray[np.int_] | None:
    """Like ``assign_folds`` for 0/1 targets, with all rows of a group in one fold.

    Groups that ever had the outcome are spread evenly, and so are the others.
    """
    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    numbers = np.array([names[group] for group in groups])
    ever = np.zeros(len(names), dtype=int)
    np.maximum.at(ever, numbers, targets)
    by_group = assign_folds(ever, seed, folds)
    return None if by_group is None else by_group[numbers]
