"""The churn task: trained on point-in-time observations, measured forward in time, off until it beats its baselines.

The model gives the odds to leave in each of three months (``ml.tabular.hazard``), so its probabilities of 30, 60 and 90 days
grow with the days. Everything that is measured is measured as of moments: each is forecast from what was known by then.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from health.churn.backtest import Figures, Origin, backtest, figures, period_of_example, summary
from health.churn.estimate import rates_by_band
from health.churn.features import CLOCKS, features_as_of, names
from health.churn.observations import GAP, HORIZON, PERIODS, collect_observations
from health.churn.sampling import accounts_to_learn_from
from health.facts import Facts
from ml.artefacts import Artefact
from ml.datasets.rows import row_digest
from ml.registry import Answer, Example, HeldOut, MLTask, Report, TrainedModel
from ml.serving.answers import Fallback
from ml.tabular import NotEnoughData
from ml.tabular.hazard import KIND, HazardModel

FEWEST_CHURNED = 20
LEAST_AUC = 0.55


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
    uses = tuple(f"account.{name}" for name in names())

    def rows(self) -> Iterable[Example]:
        """Accounts at moments, with what was known then; of very many accounts an even part.

        ``known_at`` is when the outcome was known: the end of the month of the window in which they left, or of the window.
        """
        today = timezone.now().date()
        for one in collect_observations(until=today, account_ids=accounts_to_learn_from(today)):
            last = one.period or PERIODS.count
            yield Example(
                subject_id=one.account_id,
                label=int(one.churned),
                at=one.as_of,
                features=one.features,
                group=str(one.account_id),
                slices={"tier": str(one.features["tier"])},
                label_source="outcome",
                known_at=one.as_of + GAP + last * (HORIZON / PERIODS.count),
                features_at=one.as_of,
            )

    def train(self, examples: Sequence[Example], report: Report, *, seed: int = 0) -> TrainedModel:
        """Measure on every moment with a model that only knew outcomes of before it, then train on everything."""
        churned = sum(example.label for example in examples)
        report(f"churn: {len(examples)} observations, {churned} of them before a churn")
        if churned < FEWEST_CHURNED:
            raise NotEnoughData(f"{churned} observations before a churn are too few")
        trial = backtest(examples, report, seed=seed)
        ours = figures(trial, lambda origin: origin.ours)
        base = figures(trial, lambda origin: origin.base)
        recency = figures(trial, lambda origin: origin.recency)
        rows = [example.features for example in examples]
        model = HazardModel.train(
            rows,
            [period_of_example(example) for example in examples],
            [PERIODS.count] * len(examples),
            names(),
            periods=PERIODS,
            clocks=CLOCKS,
            groups=[example.group for example in examples],
            seed=seed,
            report=report,
        )
        return TrainedModel(
            kind=KIND,
            artefact=model.to_artefact(),
            metrics={
                **ours,
                **(told := summary(trial, model, rows)),
                "random_split_beside": (told["by_horizon"] or [{}])[0],
                "held_out_rows": sum(len(origin.outcomes) for origin in trial),
                "origins": len(trial),
                "recency_rule": recency,
                # Over single months; beside it what is forecast of the first one.
                "random_split": model.odds.out_of_fold,
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

    def answer(self, model: HazardModel, examples: Sequence[Example]) -> list[Answer]:
        """The probability to leave in the whole window."""
        told = model.predict_proba([example.features for example in examples])
        return [Answer(int(p >= 0.5), float(p)) for p in told]

    def load(self, artefact: Artefact) -> HazardModel:
        """The tables."""
        return HazardModel.from_artefact(artefact)

    def built_again(self, examples: Sequence[Example]) -> Sequence[Mapping[str, Any] | None]:
        """The same function asked again about the same moments."""
        ids = sorted({row.subject_id for row in examples})
        moments = sorted({row.at for row in examples})
        if not moments:
            return []
        facts = Facts(ids, first=moments[0], last=moments[-1])
        by_moment = {at: features_as_of(facts, at) for at in moments}
        return [by_moment[row.at].get(row.subject_id) for row in examples]

    def fallback(self, inputs: Sequence[Any], *, failure: str = "") -> Fallback:
        """What became of accounts in the band that each account is in (``health.churn.estimate``); None until that is known."""
        return Fallback("bands", rates_by_band(inputs))


def _objections(ours: Figures, base: Figures, recency: Figures) -> list[str]:
    """What the rule of thumb does better."""
    found = []
    if ours["brier"] >= min(base["brier"], recency["brier"]):
        found.append("the error is not below that of the churn rate and of the recency rule")
    if ours["roc_auc"] <= max(LEAST_AUC, recency["roc_auc"]):
        found.append("the ranking is not better than that of the recency rule")
    return found


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
