"""The churn task: trained on point-in-time observations, measured forward in time, off until it beats its baselines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from health.churn.features import names
from health.churn.observations import GAP, HORIZON, Observation, collect_observations
from ml.artefacts import Artefact
from ml.metrics import ranking_figures
from ml.registry import MLTask, Report, TrainedModel
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.model import KIND

Probabilities = npt.NDArray[np.float64]

FEWEST_CHURNED = 20
# Days since the last use, the rule of thumb that a model must beat; bounds are inclusive.
RECENCY_BOUNDS = (1, 3, 7, 14, 30)


class ChurnTask(MLTask):
    """Will an account leave in the 90 days after the next week?"""

    key = "churn"
    title = _("Churn in 90 days")

    def train(self, report: Report) -> TrainedModel:
        """Measure on every moment with a model that only knew outcomes of before it, then train on everything."""
        observations = collect_observations(until=timezone.now().date())
        churned = sum(observation.churned for observation in observations)
        report(f"churn: {len(observations)} observations, {churned} of them before a churn")
        if churned < FEWEST_CHURNED:
            raise NotEnoughData(f"{churned} observations before a churn are too few")
        trial = backtest(observations, report)
        ours = figures(trial, lambda origin: origin.ours)
        base = figures(trial, lambda origin: origin.base)
        recency = figures(trial, lambda origin: origin.recency)
        model = TabularModel.train(
            [observation.features for observation in observations],
            [int(observation.churned) for observation in observations],
            names(),
            groups=[observation.account_id for observation in observations],
            report=report,
        )
        better = (
            ours["brier"] < min(base["brier"], recency["brier"]) and ours["roc_auc"] > max(0.55, recency["roc_auc"])
        )  # fmt: skip
        return TrainedModel(
            kind=KIND,
            artefact=model.to_artefact(),
            metrics={
                **ours,
                "held_out_rows": sum(len(origin.outcomes) for origin in trial),
                "origins": len(trial),
                "recency_rule": recency,
            },
            baseline_metrics=base,
            beats_baseline=better,
            training={
                "rows": len(observations),
                "positives": churned,
                "learner": model.learner,
                "horizon_days": HORIZON.days,
                "gap_days": GAP.days,
                "features": list(names()),
            },
        )

    def load(self, artefact: Artefact) -> TabularModel:
        """The tables."""
        return TabularModel.from_artefact(artefact)


@dataclass(frozen=True)
class Origin:
    """The forecasts made at one moment: outcomes, the model, the base rate known then, and the recency rule."""

    outcomes: npt.NDArray[np.int_]
    ours: Probabilities
    base: Probabilities
    recency: Probabilities


def figures(origins: Sequence[Origin], forecasts: Callable[[Origin], Probabilities]) -> dict[str, Any]:
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


def backtest(observations: Sequence[Observation], report: Report) -> list[Origin]:
    """Forecast each moment with what was learned from windows that had closed by then: no outcome of the future is seen.

    Raises NotEnoughData when no moment has enough history before it.
    """
    result: list[Origin] = []
    for moment in sorted({observation.as_of for observation in observations}):
        # The purge: gap and horizon lie between the last training moment and the one that is forecast.
        past = [row for row in observations if row.as_of + GAP + HORIZON <= moment]
        present = [row for row in observations if row.as_of == moment]
        try:
            model = TabularModel.train(
                [row.features for row in past],
                [int(row.churned) for row in past],
                names(),
                groups=[row.account_id for row in past],
                refits=0,
            )
        except NotEnoughData:
            continue
        rate = sum(row.churned for row in past) / len(past)
        result.append(
            Origin(
                outcomes=np.array([int(row.churned) for row in present]),
                ours=model.predict_proba([row.features for row in present]),
                base=np.full(len(present), rate),
                recency=np.array(_recency_rule(past, present, rate)),
            )
        )
    if not any(origin.outcomes.any() for origin in result):
        raise NotEnoughData("the history is too short to measure forward in time")
    report(
        f"churn: measured at {len(result)} moments, {sum(len(origin.outcomes) for origin in result)} forecasts"
    )
    return result


def _recency_rule(past: Sequence[Observation], present: Sequence[Observation], rate: float) -> list[float]:
    """Return for each account the churn rate among past ones with as long a silence, shrunk by ten average accounts."""
    buckets: dict[int, list[bool]] = {}
    for row in past:
        buckets.setdefault(_silence(row), []).append(row.churned)
    known = {bucket: (sum(hits) + 10 * rate) / (len(hits) + 10) for bucket, hits in buckets.items()}
    return [known.get(_silence(row), rate) for row in present]


def _silence(row: Observation) -> int:
    days: Any = row.features["days_since_use"]
    return len(RECENCY_BOUNDS) if days is None else int(np.searchsorted(RECENCY_BOUNDS, days))
