"""ML tasks: what the product predicts. One class in ``<any app>/models_ml/<name>.py`` makes a task.

``TextTask`` needs only ``examples()``, ``TabularTask`` only ``table()``; both measure on held-out rows beside the trivial
model and then train on everything. ``manage.py train_models`` trains every task that has no version in service.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from core.registry import Part, Registry
from ml.artefacts import Artefact
from ml.classifiers import TextClassifier
from ml.classifiers.folds import assign_folds
from ml.classifiers.text import KIND as TEXT_KIND
from ml.encoders import ModelUnavailable, SentenceEncoder, sentence_encoder
from ml.evaluation.text_models import Answers, majority_figures, timed
from ml.metrics import ranking_figures
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.model import KIND as TABULAR_KIND

Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainedModel:
    """The outcome of a training: files, held-out figures, the trivial model's figures, and whether it may serve."""

    kind: str
    artefact: Artefact
    metrics: dict[str, Any]
    baseline_metrics: dict[str, Any]
    beats_baseline: bool
    training: dict[str, Any] = field(default_factory=dict)


class MLTask(Part):
    """One thing to predict. ``key`` names it in versions and predictions; ``title`` is shown to people."""

    title: ClassVar[Any] = ""

    def train(self, report: Report) -> TrainedModel:
        """Collect the rows, train and measure; raises ``NotEnoughData`` when there is nothing to learn from yet."""
        raise NotImplementedError

    def load(self, artefact: Artefact) -> Any:
        """Rebuild the model from its files, for ``load_champion``."""
        raise NotImplementedError


class TextTask(MLTask):
    """Classes of texts, learned by ``TextClassifier``."""

    fewest_rows: ClassVar[int] = 40

    def examples(self) -> tuple[Sequence[str], Sequence[str]]:
        """Texts and their true labels, oldest first."""
        raise NotImplementedError

    def train(self, report: Report) -> TrainedModel:
        """Measure on a held-out fifth, then train on everything."""
        texts, labels = self.examples()
        if len(texts) < self.fewest_rows or len(set(labels)) < 2:
            raise NotEnoughData(f"{len(texts)} labelled texts in {len(set(labels))} classes are too few")
        codes = np.unique(np.array(labels), return_inverse=True)[1]
        folds = assign_folds(codes, 0)
        if folds is None:
            raise NotEnoughData("every class has a single text")
        encoder = available_encoder(report)
        kept, held = np.flatnonzero(folds != 0).tolist(), np.flatnonzero(folds == 0).tolist()
        report(f"{self.key}: measuring on {len(held)} of {len(texts)} texts")
        trial = TextClassifier(encoder).fit([texts[i] for i in kept], [labels[i] for i in kept])
        truth = [labels[i] for i in held]
        abstained: list[bool] = []

        def predict() -> Answers:
            answers = trial.predict([texts[i] for i in held])
            abstained.extend(answer.abstained for answer in answers)
            return [answer.label for answer in answers], np.array([answer.probability for answer in answers])

        metrics = timed(predict, truth, 0.0)
        baseline = majority_figures([labels[i] for i in kept], truth)
        started = time.perf_counter()
        report(f"{self.key}: training on all {len(texts)} texts")
        model = TextClassifier(encoder).fit(texts, labels)
        metrics["train_seconds"] = time.perf_counter() - started
        metrics["held_out_rows"] = len(held)
        metrics["abstained"] = float(np.mean(abstained))
        return TrainedModel(
            kind=TEXT_KIND,
            artefact=model.to_artefact(),
            metrics=metrics,
            baseline_metrics=baseline,
            beats_baseline=surely_more_accurate(metrics["accuracy"], baseline["accuracy"], len(held)),
            training={
                "rows": len(texts),
                "classes": len(model.labels),
                "ngram_weight": model.mix.ngram_weight,
            },
        )

    def load(self, artefact: Artefact) -> TextClassifier:
        """The classifier with the encoder it was trained on (none when it was trained without one)."""
        needed = artefact.metadata.get("model", {}).get("encoder")
        return TextClassifier.from_artefact(artefact, sentence_encoder() if needed else None)


@dataclass(frozen=True)
class Table:
    """Rows of raw values with 0/1 outcomes; rows of one ``group`` (an account) never part between folds."""

    rows: Sequence[Mapping[str, Any]]
    outcomes: Sequence[int]
    features: Sequence[str]
    groups: Sequence[Hashable] | None = None


class TabularTask(MLTask):
    """A yes/no outcome of rows of features, learned by ``TabularModel``."""

    def table(self) -> Table:
        """The training table; features as they were known at the time of each row, never later."""
        raise NotImplementedError

    def train(self, report: Report) -> TrainedModel:
        """Measure by five-fold cross-validation with the choice of learner inside, then train on everything."""
        table = self.table()
        outcomes = np.array(table.outcomes, dtype=int)
        started = time.perf_counter()
        ours, priors = TabularModel.cross_validate(
            table.rows, outcomes.tolist(), table.features, groups=table.groups, report=report
        )
        model = TabularModel.train(
            table.rows, outcomes.tolist(), table.features, groups=table.groups, report=report
        )
        metrics, baseline = dict(ranking_figures(outcomes, ours)), dict(ranking_figures(outcomes, priors))
        metrics["train_seconds"] = time.perf_counter() - started
        metrics["held_out_rows"] = len(outcomes)
        return TrainedModel(
            kind=TABULAR_KIND,
            artefact=model.to_artefact(),
            metrics=metrics,
            baseline_metrics=baseline,
            beats_baseline=(metrics["brier"] or 1) < (baseline["brier"] or 0)
            and (metrics["roc_auc"] or 0) > 0.55,
            training={"rows": len(outcomes), "positives": int(outcomes.sum()), "learner": model.learner},
        )

    def load(self, artefact: Artefact) -> TabularModel:
        """The tables."""
        return TabularModel.from_artefact(artefact)


ml_tasks: Registry[MLTask] = Registry(MLTask, "models_ml")


def available_encoder(report: Report) -> SentenceEncoder | None:
    """The configured encoder, or None with a line in the report: n-grams alone still make a classifier."""
    try:
        return sentence_encoder()
    except ModelUnavailable as error:
        report(str(error))
        return None


def surely_more_accurate(accuracy: float, baseline: float, rows: int) -> bool:
    """True when the lower end of the accuracy's 90 % normal interval over ``rows`` held-out rows beats the baseline."""
    return accuracy - 1.645 * math.sqrt(max(accuracy * (1 - accuracy), 1e-9) / rows) > baseline
