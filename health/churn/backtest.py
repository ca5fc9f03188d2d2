"""The churn model measured forward in time: every moment is forecast from what was known by then.

What is known of a window at a later moment is known by months: of one that began 45 days before, whether they left in its first
month. So the newest windows teach as far as they have passed, and no outcome of the future is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from health.churn.features import CLOCKS, names
from health.churn.observations import GAP, HORIZON, PERIODS
from ml.datasets.rows import Example
from ml.evaluation.calibration import calibration_line
from ml.metrics import ranking_figures
from ml.tabular import NotEnoughData
from ml.tabular.hazard import HazardModel

Probabilities = npt.NDArray[np.float64]
Figures = dict[str, Any]
Report = Callable[[str], None]

MONTH = HORIZON / PERIODS.count
# Days since the last use, the rule of thumb that a model must beat; bounds are inclusive.
RECENCY_BOUNDS = (1, 3, 7, 14, 30)
# The learner is chosen again at every moment; three folds choose as well as five.
FOLDS = 3
MOST_DRIVERS = 12


@dataclass(frozen=True)
class Origin:
    """The forecasts made at one moment: outcomes, the model, the base rate known then, and the recency rule.

    ``by_period`` are the model's probabilities to have left by the end of each month, ``period`` the month they left in or 0.
    """

    present: Sequence[Example]
    outcomes: npt.NDArray[np.int_]
    ours: Probabilities
    base: Probabilities
    recency: Probabilities
    by_period: Probabilities | None = None
    period: npt.NDArray[np.int_] | None = None


def period_of_example(example: Example) -> int:
    """The month of the window in which the account left, 0 when it stayed: told by when the outcome was known."""
    if not example.label:
        return 0
    if example.known_at is None:
        return PERIODS.count
    return min(PERIODS.count, max(1, round((example.known_at - example.at - GAP) / MONTH)))


def seen_by(at: datetime, moment: datetime) -> int:
    """How many months of the window that began after ``at`` had passed at ``moment``."""
    return int(min(PERIODS.count, max(0, (moment - at - GAP) // MONTH)))


def backtest(examples: Sequence[Example], report: Report, *, seed: int = 0) -> list[Origin]:
    """Forecast each moment with what was learned from the months that had passed by then.

    Raises NotEnoughData when no moment has enough history before it.
    """
    result: list[Origin] = []
    for moment in sorted({example.at for example in examples}):
        past = [(row, seen) for row in examples if (seen := seen_by(row.at, moment))]
        present = [row for row in examples if row.at == moment]
        try:
            model = HazardModel.train(
                [row.features for row, _seen in past],
                [period_of_example(row) for row, _seen in past],
                [seen for _row, seen in past],
                names(),
                periods=PERIODS,
                clocks=CLOCKS,
                groups=[row.group for row, _seen in past],
                seed=seed,
                folds=FOLDS,
                refits=0,
            )
        except NotEnoughData:
            continue
        whole = [row for row, seen in past if seen == PERIODS.count]
        if not whole:
            continue
        rate = sum(row.label for row in whole) / len(whole)
        by_period = model.by_period([row.features for row in present])
        result.append(
            Origin(
                present=present,
                outcomes=np.array([row.label for row in present]),
                ours=by_period[:, -1],
                base=np.full(len(present), rate),
                recency=np.array(_recency_rule(whole, present, rate)),
                by_period=by_period,
                period=np.array([period_of_example(row) for row in present]),
            )
        )
    if not any(origin.outcomes.any() for origin in result):
        raise NotEnoughData("the history is too short to measure forward in time")
    report(
        f"churn: measured at {len(result)} moments, {sum(len(origin.outcomes) for origin in result)} forecasts"
    )
    return result


def figures(origins: Sequence[Origin], forecasts: Callable[[Origin], Probabilities]) -> Figures:
    """Return ``roc_auc, pr_auc, brier, ece, lift_at_10``: errors pooled, rankings as means over moments by their size.

    Rankings are not pooled because the share of leavers differs between moments: pooling would reward a constant.
    """
    pooled = ranking_figures(
        np.concatenate([origin.outcomes for origin in origins]),
        np.concatenate([forecasts(origin) for origin in origins]),
    )
    single = [
        ranking_figures(origin.outcomes, forecasts(origin)) for origin in origins if origin.outcomes.any()
    ]
    sizes = [len(origin.outcomes) for origin in origins if origin.outcomes.any()]
    ranked = {
        name: float(np.average([figure[name] or 0.0 for figure in single], weights=sizes))
        for name in ("roc_auc", "pr_auc", "lift_at_10")
    }
    return {**ranked, "brier": pooled["brier"], "ece": pooled["ece"]}


def summary(origins: Sequence[Origin], model: HazardModel, rows: Sequence[Mapping[str, Any]]) -> Figures:
    """What the page of the model shows beyond the usual figures: each horizon, the hazard by month, tiers, what counts most.

    ``calibration`` is the line of the outcomes over the log-odds told: slope 1 and offset 0 mean that they are as told.
    """
    truth = np.concatenate([origin.outcomes for origin in origins])
    told = np.concatenate([origin.ours for origin in origins])
    slope, offset = calibration_line(truth, told)
    return {
        "calibration": {"slope": slope, "offset": offset},
        "by_horizon": _by_horizon(origins),
        "hazard_by_month": _hazard_by_month(origins),
        "by_tier": _by_tier(origins),
        "drivers": [[name, round(effect, 4)] for name, effect in model.effects(rows)[:MOST_DRIVERS]],
    }


def _by_horizon(origins: Sequence[Origin]) -> list[Figures]:
    found = []
    for number in range(1, PERIODS.count + 1):
        pairs = [
            (((one.period > 0) & (one.period <= number)).astype(int), one.by_period[:, number - 1])
            for one in origins
            if one.period is not None and one.by_period is not None
        ]
        if not pairs:
            return []
        truth, told = (np.concatenate(side) for side in zip(*pairs, strict=True))
        found.append(
            {
                "days": number * PERIODS.days,
                "rate": float(truth.mean()),
                "told": float(told.mean()),
                **ranking_figures(truth, told),
            }
        )
    return found


def _hazard_by_month(origins: Sequence[Origin]) -> list[Figures]:
    """Of those who were there at the start of each month: the share told to leave in it, and the share that did."""
    found = []
    for number in range(1, PERIODS.count + 1):
        told, left = [], []
        for one in origins:
            if one.period is None or one.by_period is None:
                continue
            there = (one.period == 0) | (one.period >= number)
            before = one.by_period[there, number - 2] if number > 1 else np.zeros(int(there.sum()))
            told.append((one.by_period[there, number - 1] - before) / (1 - before))
            left.append(one.period[there] == number)
        if told:
            hazards, ends = np.concatenate(told), np.concatenate(left)
            found.append(
                {
                    "month": number,
                    "told": float(hazards.mean()),
                    "seen": float(ends.mean()),
                    "left": int(ends.sum()),
                    "rows": len(ends),
                }
            )
    return found


def _by_tier(origins: Sequence[Origin]) -> list[Figures]:
    tiers = np.array([row.slices.get("tier", "") for one in origins for row in one.present])
    truth = np.concatenate([origin.outcomes for origin in origins])
    told = np.concatenate([origin.ours for origin in origins])
    found = []
    for tier in sorted(set(tiers.tolist())):
        chosen = tiers == tier
        found.append(
            {
                "tier": tier,
                "rows": int(chosen.sum()),
                "left": int(truth[chosen].sum()),
                "told": float(told[chosen].mean()),
                **ranking_figures(truth[chosen], told[chosen]),
            }
        )
    return found


def _recency_rule(past: Sequence[Example], present: Sequence[Example], rate: float) -> list[float]:
    """Return for each account the churn rate among past ones with as long a silence, shrunk by ten average accounts."""
    buckets: dict[int, list[bool]] = {}
    for row in past:
        buckets.setdefault(_silence(row), []).append(row.label)
    known = {bucket: (sum(hits) + 10 * rate) / (len(hits) + 10) for bucket, hits in buckets.items()}
    return [known.get(_silence(row), rate) for row in present]


def _silence(row: Example) -> int:
    days: Any = row.features["days_since_use"]
    return len(RECENCY_BOUNDS) if days is None else int(np.searchsorted(RECENCY_BOUNDS, days))
