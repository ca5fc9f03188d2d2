"""The churn task: trained on point-in-time observations, measured forward in time, off until it beats its baselines."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from health.churn.features import names
from health.churn.observations import GAP, HORIZON, collect_observations
from ml.artefacts import Artefact
from ml.datasets.rows import row_digest
from ml.metrics import ranking_figures
from ml.registry import Answer, Example, HeldOut, MLTask, Report, TrainedModel
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.model import KIND

Probabilities = npt.NDArray[np.float64]
Figures = dict[str, Any]

FEWEST_CHURNED = 20
LEAST_AUC = 0.55
# Days since the last use, the rule of thumb that a model must beat; bounds are inclusive.
RECENCY_BOUNDS = (1, 3, 7, 14, 30)


class ChurnTask(MLTask):
    """Will an account leave in the 90 days after the next week?"""

    key = "churn"
    title = _("Churn in 90 days")
    purpose = _("Estimates how likely a customer is to leave in the 90 days after the next week.")
    limits = _(
        "Says what use and contact tell; it knows nothing of prices, budgets and people who change their job."
    )
    subject_kind = "account"
    yes_no = True
    # The tier and, in the open trouble, the priority of tickets are today's: no features as of a moment.
    uses = tuple(f"account.{name}" for name in names() if name not in ("tier", "trouble"))

    def rows(self) -> Iterable[Example]:
        """Accounts at moments, with what was known then."""
        for one in collect_observations(until=timezone.now().date()):
            yield Example(
                subject_id=one.account_id,
                label=int(one.churned),
                at=one.as_of,
                features=one.features,
                group=str(one.account_id),
                slices={"tier": str(one.features["tier"])},
                label_source="outcome",
                known_at=one.as_of + GAP + HORIZON,
                features_at=one.as_of,
            )

    def train(self, examples: Sequence[Example], report: Report, *, seed: int = 0) -> TrainedModel:
        """Measure on every moment with a model that only knew outcomes of before it, then train on everything."""
        churned = sum(example.label for example in examples)
        report(f"churn: {len(examples)} observations, {churned} of them before a churn")
        if churned < FEWEST_CHURNED:
            raise NotEnoughData(f"{churned} observations before a churn are too few")
        trial = backtest(examples, report)
        ours = figures(trial, lambda origin: origin.ours)
        base = figures(trial, lambda origin: origin.base)
        recency = figures(trial, lambda origin: origin.recency)
        model = TabularModel.train(
            [example.features for example in examples],
            [example.label for example in examples],
            names(),
            groups=[example.group for example in examples],
            seed=seed,
            report=report,
        )
        return TrainedModel(
            kind=KIND,
            artefact=model.to_artefact(),
            metrics={
                **ours,
                "held_out_rows": sum(len(origin.outcomes) for origin in trial),
                "origins": len(trial),
                "recency_rule": recency,
                "random_split": model.out_of_fold,
            },
            baseline_metrics=base,
            held_out=[row for origin in trial for row in _held_out(origin)],
            objections=_objections(ours, base, recency),
            training={
                "rows": len(examples),
                "positives": churned,
                "learner": model.learner,
                "horizon_days": HORIZON.days,
                "gap_days": GAP.days,
                "features": list(names()),
            },
        )

    def answer(self, model: TabularModel, examples: Sequence[Example]) -> list[Answer]:
        """The probability to leave."""
        told = model.predict_proba([example.features for example in examples])
        return [Answer(int(p >= 0.5), float(p)) for p in told]

    def load(self, artefact: Artefact) -> TabularModel:
        """The tables."""
        return TabularModel.from_artefact(artefact)


def _objections(ours: Figures, base: Figures, recency: Figures) -> list[str]:
    """What the rule of thumb does better."""
    found = []
    if ours["brier"] >= min(base["brier"], recency["brier"]):
        found.append("the error is not below that of the churn rate and of the recency rule")
    if ours["roc_auc"] <= max(LEAST_AUC, recency["roc_auc"]):
        found.append("the ranking is not better than that of the recency rule")
    return found


@dataclass(frozen=True)
class Origin:
    """The forecasts made at one moment: outcomes, the model, the base rate known then, and the recency rule."""

    present: Sequence[Example]
    outcomes: npt.NDArray[np.int_]
    ours: Probabilities
    base: Probabilities
    recency: Probabilities


def _held_out(origin: Origin) -> list[HeldOut]:
    """What was forecast of each account, beside the rate known then."""
    return [
        HeldOut(
            row=row_digest(example),
            truth=example.label,
            answer=int(ours >= 0.5),
            probability=float(ours),
            loss=float((ours - example.label) ** 2),
            baseline_loss=float((base - example.label) ** 2),
            group=example.group,
            slices=example.slices,
        )
        for example, ours, base in zip(origin.present, origin.ours, origin.base, strict=True)
    ]


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


def backtest(examples: Sequence[Example], report: Report) -> list[Origin]:
    """Forecast each moment with what was learned from windows that had closed by then: no outcome of the future is seen.

    Raises NotEnoughData when no moment has enough history before it.
    """
    result: list[Origin] = []
    for moment in sorted({example.at for example in examples}):
        # The purge: gap and horizon lie between the last training moment and the one that is forecast.
        past = [row for row in examples if row.at + GAP + HORIZON <= moment]
        present = [row for row in examples if row.at == moment]
        try:
            model = TabularModel.train(
                [row.features for row in past],
                [row.label for row in past],
                names(),
                groups=[row.group for row in past],
                refits=0,
            )
        except NotEnoughData:
            continue
        rate = sum(row.label for row in past) / len(past)
        result.append(
            Origin(
                present=present,
                outcomes=np.array([row.label for row in present]),
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
