"""ML tasks: what the product predicts. One class in ``<any app>/models_ml/<name>.py`` makes a task.

A task says which rows it learns from (``rows``); the life cycle is the same for all of them: the rows are frozen as a
snapshot, a run learns from that snapshot alone and measures on the newest fifth beside the trivial model, gates judge the
version that comes of it (docs/decisions/0029). ``TextTask`` and ``TabularTask`` bring the learner.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from core.registry import Part, Registry
from ml.artefacts import Artefact
from ml.classifiers import TextClassifier, TextInput
from ml.classifiers.text import KIND as TEXT_KIND
from ml.datasets.checks import FEWEST_OF_A_CLASS
from ml.datasets.rows import Example, row_digest
from ml.datasets.splitting import Split, split_forward
from ml.encoders import ModelUnavailable, SentenceEncoder, sentence_encoder
from ml.evaluation.class_precision import Bars, Judged, measure_classes
from ml.evaluation.text_models import majority
from ml.features.views import feature_views
from ml.judging import gates
from ml.metrics import classification_figures, ranking_figures
from ml.serving.answers import Fallback
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.model import KIND as TABULAR_KIND
from people.viewer import Viewer

__all__ = [
    "Answer",
    "Example",
    "HeldOut",
    "MLTask",
    "TabularTask",
    "TextTask",
    "TrainedModel",
    "feature_views",
    "gates",
    "ml_tasks",
]

Report = Callable[[str], None]
Mapped = Mapping[str, Any]


class Model(Protocol):
    """What a task learns: it can be written down."""

    def to_artefact(self) -> Artefact:
        """The files of the model."""


@dataclass(frozen=True)
class Answer:
    """What a model says about one row; ``probability`` is of ``label``, or of the outcome for yes/no tasks, or None."""

    label: Any
    probability: float | None = None
    abstained: bool = False


@dataclass(frozen=True)
class HeldOut:
    """One row that a trial model did not see: the truth, both answers, and how wrong each was (``loss``, 0 is right)."""

    row: str
    truth: Any
    answer: Any
    probability: float | None
    loss: float
    baseline_loss: float
    abstained: bool = False
    group: str = ""
    slices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedModel:
    """The outcome of a training: files, figures and answers on held-out rows, the trivial model's figures beside them.

    ``objections`` are reasons of the task's own why the model may not serve, beyond what the gates ask of every task.
    """

    kind: str
    artefact: Artefact
    metrics: dict[str, Any]
    baseline_metrics: dict[str, Any]
    held_out: Sequence[HeldOut] = ()
    objections: Sequence[str] = ()
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownSubject:
    """A subject as it is shown to who labels it."""

    title: str
    text: str
    url: str


class MLTask(Part):
    """One thing to predict. ``key`` names it in versions and predictions; ``title`` is shown to people.

    The class attributes are what its gates, its retraining and its card go by.
    """

    title: ClassVar[Any] = ""
    purpose: ClassVar[Any] = ""
    limits: ClassVar[Any] = ""
    # What ``Example.subject_id`` counts; rows of erased subjects are found by it.
    subject_kind: ClassVar[str] = "ticket"
    fewest_rows: ClassVar[int] = 40
    # A class of fewer rows is left to people and rules until there are enough; 0: every class is learned.
    fewest_of_a_class: ClassVar[int] = 0
    params: ClassVar[Mapped] = {}
    # A new version is trained after so many days (None: never by itself) or so many new labels.
    retrain_days: ClassVar[int | None] = 30
    retrain_labels: ClassVar[int] = 500
    # Whether also the first training starts by itself, once there are ``fewest_rows`` labels.
    starts_itself: ClassVar[bool] = False
    # Features that are answers of another model: they may tell the outcome as surely as they like.
    scores: ClassVar[frozenset[str]] = frozenset()
    # A yes/no task: labels are 1 and 0, ``Answer.probability`` is of 1, and the loss is its squared error.
    yes_no: ClassVar[bool] = False
    # Several labels at once (``ml.label_sets``): an answer has no single probability, and its loss is a distance.
    label_sets: ClassVar[bool] = False
    # Whether the model reads a plain text, so that anybody may ask it about one.
    reads_text: ClassVar[bool] = False
    # Labels are numbers, answers are compared by their losses, and ``label_group`` says in which range a label lies.
    numeric: ClassVar[bool] = False
    # The registered features (``ml.features``) among the rows' features, by name.
    uses: ClassVar[Sequence[str]] = ()
    # How many subjects a week people label blindly; 140 give an interval of five points to either side at 90 %.
    audits_per_week: ClassVar[int] = 0

    def rows(self) -> Iterable[Example]:
        """The labelled rows as they are now, in any order; features as they were known at the time of the label."""
        raise NotImplementedError

    def label_group(self, label: Any) -> Any:
        """The label as it is counted and checked; tasks with numbers for labels name the range."""
        return label

    def train(self, examples: Sequence[Example], report: Report, *, seed: int = 0) -> TrainedModel:
        """Learn from a snapshot's rows, oldest first, and measure; raises ``NotEnoughData`` when they are too few."""
        raise NotImplementedError

    def load(self, artefact: Artefact) -> Any:
        """Rebuild the model from its files; reads no table."""
        raise NotImplementedError

    def warm_up(self, model: Any) -> None:
        """Let a model that was just loaded do what its first answer would otherwise wait for."""

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, Any]:
        """What the model reads of each subject, for versions in the shadow; subjects that are gone are left out."""
        return {}

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> Mapping[int, ShownSubject]:
        """What a person who labels is shown of each subject; only subjects that the viewer may see."""
        return {}

    def choices(self) -> Sequence[str]:
        """The labels that a person may choose from; empty when any text may be one."""
        return ()

    def fallback(self, inputs: Sequence[Any], *, failure: str = "") -> Fallback:
        """What the task's own rules say while no version answers; ``failure`` says why (a ``Prediction.Failure``).

        None for an input says that nothing is known. After ``slow`` the rules must not wait for what may be slow, too.
        """
        return Fallback("none", [None] * len(inputs))

    def answer(self, model: Any, examples: Sequence[Example]) -> list[Answer]:
        """What a model says about each row."""
        raise NotImplementedError

    def built_again(self, examples: Sequence[Example]) -> Sequence[Mapping[str, Any] | None]:
        """The features of rows, built again from what was recorded by their moments, for the leak sentinel; None for a row whose
        subject is gone, and nothing at all where the task cannot look back.
        """
        return ()

    def right(self, row: HeldOut) -> bool:
        """Whether an answer about a held-out row counts as right where right and wrong are shown."""
        return bool(row.truth == row.answer)

    def names_in(self, label: Any) -> Sequence[str]:
        """What is counted of a row's label: itself, or each of several at once."""
        return [str(label)]

    def contradict(self, one: Answer, other: Answer) -> bool:
        """Whether two answers about the same row cannot both hold; where one abstains, a person decides."""
        return bool(one.label != other.label and not one.abstained and not other.abstained)

    def loss(self, example: Example, answer: Answer) -> float:
        """How wrong an answer is: 1 for a wrong label, the squared error of the probability for yes/no tasks (Brier)."""
        if self.yes_no:
            return float(((answer.probability or 0.0) - int(example.label)) ** 2)
        return float(example.label != answer.label)


class LearnedTask(MLTask):
    """A task that learns once from the older rows, to be measured on the newest, and once from all of them."""

    kind: ClassVar[str] = ""

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> Model:
        """Learn from rows."""
        raise NotImplementedError

    def baseline(self, examples: Sequence[Example]) -> Answer:
        """What the trivial model, which knows only the labels of ``examples``, says about every row."""
        raise NotImplementedError

    def trivial_answers(self, train: Sequence[Example], held: Sequence[Example]) -> Sequence[Answer]:
        """What the trivial model says about each row of ``held``."""
        return [self.baseline(train)] * len(held)

    def objections(self, held_out: Sequence[HeldOut], metrics: Mapped, trivial: Mapped) -> Sequence[str]:
        """Why a model that answered so may not serve, beyond what the gates ask of every task."""
        return ()

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """Figures of answers about rows."""
        raise NotImplementedError

    def class_modes(
        self, model: Any, trial: Any, held: Sequence[Example], answers: Sequence[Answer]
    ) -> dict[str, Any] | None:
        """What may be done with each class by itself, from rows that ``model`` or its trial had not seen; None: no classes."""
        return None

    def train(self, examples: Sequence[Example], report: Report, *, seed: int = 0) -> TrainedModel:
        """Measure on the newest fifth with what older rows teach, then learn from everything.

        A class of fewer than ``fewest_of_a_class`` rows is neither learned nor measured; ``training`` names it.
        """
        examples, too_few = self._learnable(examples, report)
        if len(examples) < self.fewest_rows or len({example.label for example in examples}) < 2:
            raise NotEnoughData(f"{len(examples)} labelled rows are too few or all alike")
        split = split_forward(examples)
        if len({example.label for example in split.train}) < 2:
            raise NotEnoughData(f"only {len(split.train)} older rows are unlike the newest ones")
        report(f"{self.key}: measuring on the newest {len(split.held)} of {len(examples)} rows")
        trial = self.fit(split.train, report, seed=seed)
        started = time.perf_counter()
        answers = self.answer(trial, split.held)
        answered = time.perf_counter()
        trivial = self.trivial_answers(split.train, split.held)
        report(f"{self.key}: learning from all {len(examples)} rows")
        model = self.fit(examples, report, seed=seed)
        artefact = model.to_artefact()
        metrics = self.figures(split.held, answers) | {
            "ms_per_row": 1_000 * (answered - started) / len(split.held),
            "train_seconds": time.perf_counter() - answered,
            "held_out_rows": len(split.held),
            "abstained": float(np.mean([answer.abstained for answer in answers])),
            "split": split.summary(),
            # Out-of-fold figures of the same learner over random folds: far better ones are a hint that something leaks.
            "random_split": artefact.metadata.get("out_of_fold", {}),
        }
        if (modes := self.class_modes(model, trial, split.held, answers)) is not None:
            metrics["class_modes"] = modes
        baseline_metrics = self.figures(split.held, trivial)
        held_out = self._held_out(split, answers, trivial)
        return TrainedModel(
            kind=self.kind,
            artefact=artefact,
            metrics=metrics,
            baseline_metrics=baseline_metrics,
            held_out=held_out,
            objections=self.objections(held_out, metrics, baseline_metrics),
            training={
                "rows": len(examples),
                "classes": sorted(
                    {name for one in examples for name in self.names_in(self.label_group(one.label))}
                ),
                "too_few": too_few,
            },
        )

    def _learnable(
        self, examples: Sequence[Example], report: Report
    ) -> tuple[Sequence[Example], dict[str, int]]:
        """The rows of classes that are large enough, and how many rows the others have."""
        counts = Counter(str(self.label_group(example.label)) for example in examples)
        too_few = {label: rows for label, rows in sorted(counts.items()) if rows < self.fewest_of_a_class}
        if not too_few:
            return examples, {}
        told = ", ".join(f"{label} {rows}" for label, rows in too_few.items())
        report(f"{self.key}: not learned for want of {self.fewest_of_a_class} rows: {told}")
        return [
            example for example in examples if str(self.label_group(example.label)) not in too_few
        ], too_few

    def _held_out(self, split: Split, answers: Sequence[Answer], trivial: Sequence[Answer]) -> list[HeldOut]:
        return [
            HeldOut(
                row=row_digest(example),
                truth=example.label,
                answer=answer.label,
                probability=answer.probability,
                loss=self.loss(example, answer),
                baseline_loss=self.loss(example, base),
                abstained=answer.abstained,
                group=example.group,
                slices=example.slices,
            )
            for example, answer, base in zip(split.held, answers, trivial, strict=True)
        ]


class TextTask(LearnedTask):
    """Classes of texts (``Example.text``), learned by ``TextClassifier``.

    ``facts`` are the features that stand beside the text (the channel); ``has_subjects`` says that its first line is a subject.
    """

    kind = TEXT_KIND
    reads_text = True
    fewest_of_a_class = FEWEST_OF_A_CLASS
    # Whether the labels say in words what the classes are about, as the names of categories do.
    labels_are_words: ClassVar[bool] = False
    # How sure the precision of a class must be for its answers to be applied, and to be suggested.
    bars: ClassVar[Bars] = Bars()
    facts: ClassVar[Sequence[str]] = ()
    has_subjects: ClassVar[bool] = False

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> TextClassifier:
        """The classifier, with the configured encoder where it is installed."""
        classifier = TextClassifier(available_encoder(report), seed=seed)
        labels = [row.label for row in examples]
        words = {label: label for label in sorted(set(labels))} if self.labels_are_words else None
        return classifier.fit([self.input_of(row) for row in examples], labels, words)

    def input_of(self, row: Example) -> TextInput:
        """What the classifier reads of a row; facts that it lacks are unknown."""
        facts = {name: row.features.get(name) for name in self.facts}
        return TextInput(
            row.text, self.has_subjects, {name: str(value) for name, value in facts.items() if value}
        )

    def answer(self, model: TextClassifier, examples: Sequence[Example]) -> list[Answer]:
        """Labels with calibrated probabilities."""
        return [
            Answer(said.label, said.probability, said.abstained)
            for said in model.predict([self.input_of(row) for row in examples])
        ]

    def baseline(self, examples: Sequence[Example]) -> Answer:
        """The most frequent class."""
        return Answer(*majority([row.label for row in examples]))

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """``accuracy, macro_f1, ece, coverage``."""
        confidence = np.array([answer.probability for answer in answers])
        truth = [row.label for row in examples]
        return classification_figures(truth, [answer.label for answer in answers], confidence)

    def class_modes(
        self, model: TextClassifier, trial: TextClassifier, held: Sequence[Example], answers: Sequence[Answer]
    ) -> dict[str, Any] | None:
        """From the out-of-fold answers of the model; None where there were too few rows to hold any out."""
        if model.judged is None:
            return None
        newest = Judged(
            [row.label for row in held],
            [answer.label for answer in answers],
            np.array([answer.probability for answer in answers]),
            np.array([answer.abstained for answer in answers], dtype=bool),
        )
        return measure_classes(model.judged, newest, least=model.least_probability, bars=self.bars)

    def load(self, artefact: Artefact) -> TextClassifier:
        """The classifier with the encoder it was trained on (none when it was trained without one)."""
        needed = artefact.metadata.get("model", {}).get("encoder")
        return TextClassifier.from_artefact(artefact, sentence_encoder() if needed else None)

    def warm_up(self, model: TextClassifier) -> None:
        """Let the encoder allocate what it needs."""
        model.predict(["A first question."])


class TabularTask(LearnedTask):
    """A yes/no outcome (``Example.label`` 1 or 0) of ``Example.features``, learned by ``TabularModel``.

    Rows of one ``group`` (an account) never part between folds.
    """

    kind = TABULAR_KIND
    yes_no = True
    features: ClassVar[Sequence[str]] = ()

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> TabularModel:
        """The additive model, its learner chosen and calibrated out of fold."""
        return TabularModel.train(
            [row.features for row in examples],
            [int(row.label) for row in examples],
            self.features,
            groups=[row.group or str(row.subject_id) for row in examples],
            seed=seed,
            report=report,
        )

    def answer(self, model: TabularModel, examples: Sequence[Example]) -> list[Answer]:
        """The probability of the outcome."""
        told = model.predict_proba([row.features for row in examples])
        return [Answer(int(p >= 0.5), float(p)) for p in told]

    def baseline(self, examples: Sequence[Example]) -> Answer:
        """The rate of the outcome."""
        rate = float(np.mean([int(row.label) for row in examples]))
        return Answer(int(rate >= 0.5), rate)

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """``roc_auc, pr_auc, brier, ece, lift_at_10``."""
        outcomes = np.array([int(row.label) for row in examples])
        return dict(ranking_figures(outcomes, np.array([answer.probability for answer in answers])))

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
