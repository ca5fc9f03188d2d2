"""Measuring forecasts about cases forward in time: what was known when the newest cases began teaches, these measure.

Intervals hold 95 % of 500 draws of whole cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.event_logs import Prefix
from ml.metrics import Floats, ranking_figures
from ml.tabular import TabularModel
from ml.tabular.durations import DurationModel

HELD_SHARE = 0.2
HORIZON_SHARE = 0.9
HOUR = 3600.0
DRAWS = 500
PRIOR = 10.0
# Hours since the beginning that the trivial model tells apart.
AGES = (1, 4, 8, 24, 72, 168)


@dataclass(frozen=True)
class Parts:
    """Prefixes to learn from and to measure on. Times count up to ``horizon_hours``: what takes longer takes that long."""

    train: Sequence[Prefix]
    held: Sequence[Prefix]
    horizon_hours: float
    left_out: int

    def hours(self, one: Prefix) -> float:
        """How long a case still took, as it counts."""
        return min(one.remaining_hours, self.horizon_hours)


def split_cases(found: Sequence[Prefix], *, purge: bool = True) -> Parts:
    """The newest fifth of the cases by their beginning is held out; what was known of the older ones by then teaches.

    The time that a case still took is known, up to the horizon, once the horizon has passed. To take what had ended instead would
    teach from short cases alone. The horizon holds 90 % of the older cases. Without ``purge`` older prefixes teach also when that
    was not known yet: for a log that is shorter than its cases.
    """
    starts = sorted({(one.started_at, one.case) for one in found})
    cut = starts[min(len(starts) - 1, round(len(starts) * (1 - HELD_SHARE)))][0]
    held = [one for one in found if one.started_at >= cut]
    older = [one for one in found if one.started_at < cut]
    lengths = {one.case: (one.ended_at - one.started_at).total_seconds() / HOUR for one in older}
    horizon = float(np.quantile(list(lengths.values()), HORIZON_SHARE))
    train = [one for one in older if one.at + timedelta(hours=horizon) <= cut] if purge else older
    return Parts(train, held, horizon, len(older) - len(train))


def time_figures(
    parts: Parts, names: Sequence[str], *, seed: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """Errors in hours of the model and of the median by state, and by how much the model's are lower."""
    model = DurationModel.train(
        [one.features for one in parts.train],
        [parts.hours(one) for one in parts.train],
        names,
        seed=seed,
        report=report,
    )
    truth = np.array([parts.hours(one) for one in parts.held])
    told = model.hours([one.features for one in parts.held])
    base = _by_state(parts)
    ours, theirs = np.abs(told[:, 0] - truth), np.abs(base[:, 0] - truth)
    cases = [one.case for one in parts.held]
    figures = {
        "mae_hours": float(ours.mean()),
        "median_ae_hours": float(np.median(ours)),
        "within_p80": float((truth <= told[:, 1]).mean()),
        "baseline": {
            "mae_hours": float(theirs.mean()),
            "median_ae_hours": float(np.median(theirs)),
            "within_p80": float((truth <= base[:, 1]).mean()),
        },
    }
    draws = list(_draws(cases))
    figures["mae_gain"] = _interval([float((theirs - ours)[rows].mean()) for rows in draws])
    figures["median_ae_gain"] = _interval(
        [float(np.median(theirs[rows]) - np.median(ours[rows])) for rows in draws]
    )
    return figures


def _by_state(parts: Parts) -> Floats:
    by: dict[str, list[float]] = defaultdict(list)
    for one in parts.train:
        by[one.features["state"]].append(parts.hours(one))
    everything = [parts.hours(one) for one in parts.train]
    told: Floats = np.array(
        [np.quantile(by.get(one.features["state"]) or everything, (0.5, 0.8)) for one in parts.held]
    )
    return told


def outcome_figures(
    parts: Parts, names: Sequence[str], bad: str, *, seed: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """Ranking and error of the model and of the rate by state and age."""
    outcome = np.array([int(one.outcome == bad) for one in parts.train])
    truth = np.array([int(one.outcome == bad) for one in parts.held])
    model = TabularModel.train(
        [one.features for one in parts.train],
        outcome.tolist(),
        names,
        groups=[one.case for one in parts.train],
        seed=seed,
        refits=0,
        report=report,
    )
    ours = model.predict_proba([one.features for one in parts.held])
    base = _by_state_and_age(parts, outcome)
    figures: dict[str, Any] = dict(ranking_figures(truth, ours))
    figures["baseline"] = dict(ranking_figures(truth, base))
    pairs = []
    for rows in _draws([one.case for one in parts.held]):
        if 0 < truth[rows].sum() < len(rows):
            one, other = ranking_figures(truth[rows], ours[rows]), ranking_figures(truth[rows], base[rows])
            pairs.append((one["roc_auc"], other["roc_auc"], (other["brier"] or 0) - (one["brier"] or 0)))
    drawn = np.array(pairs, dtype=float)
    figures["auc_interval"] = _interval(drawn[:, 0].tolist())
    figures["baseline_auc_interval"] = _interval(drawn[:, 1].tolist())
    figures["auc_gain"] = _interval((drawn[:, 0] - drawn[:, 1]).tolist())
    figures["brier_gain"] = _interval(drawn[:, 2].tolist())
    return figures


def _by_state_and_age(parts: Parts, outcome: npt.NDArray[np.int_]) -> Floats:
    rate = float(outcome.mean())
    hits: dict[tuple[str, int], list[int]] = defaultdict(list)
    for one, came in zip(parts.train, outcome, strict=True):
        hits[_cell(one)].append(int(came))
    told: Floats = np.array(
        [(sum(hits[_cell(one)]) + PRIOR * rate) / (len(hits[_cell(one)]) + PRIOR) for one in parts.held]
    )
    return told


def _cell(one: Prefix) -> tuple[str, int]:
    return str(one.features["state"]), int(np.searchsorted(AGES, one.features["age_hours"]))


def _draws(cases: Sequence[str]) -> Any:
    """Row numbers of drawn cases."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, case in enumerate(cases):
        members[case].append(row)
    units = [np.array(rows) for rows in members.values()]
    draw = np.random.default_rng(0)
    for _number in range(DRAWS):
        yield np.concatenate([units[unit] for unit in draw.integers(len(units), size=len(units))])


def _interval(values: Sequence[float]) -> dict[str, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return {"low": float(low), "high": float(high)}
