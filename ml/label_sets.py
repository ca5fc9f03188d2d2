"""ML tasks whose rows have several labels at once, or none: tags. ``LabelSetTask`` brings the learner.

The label of a row is the sorted names with a comma between (``label_of``), a comma alone for none: names have no comma. What
the life cycle asks of every task holds with these differences: a row's loss is how far the two sets are apart (1 - Jaccard), so
the gates that compare losses (trivial model, champion, slices), time and memory, data and golden cases apply. There is no single
probability to calibrate; the precision of each label is measured instead, and decides whether it is said at all. Said otherwise,
a text must not get other labels; that one more or less reaches its threshold is no contradiction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np

from ml.artefacts import Artefact
from ml.classifiers.label_sets import KIND, LabelSetClassifier
from ml.datasets.rows import Example
from ml.encoders import sentence_encoder
from ml.evaluation.label_precision import JudgedLabels, measure_labels, set_figures
from ml.registry import Answer, LearnedTask, Report, available_encoder

SEPARATOR = ","
MOST_CONSTANT = 5


def label_of(names: Collection[str]) -> str:
    """The label of a row with these names."""
    return SEPARATOR.join(sorted(set(names))) or SEPARATOR


def names_in(label: str) -> list[str]:
    """The names in a label."""
    return [name for name in label.split(SEPARATOR) if name]


def distance(truth: str, answer: str) -> float:
    """How far two sets are apart: 1 - Jaccard, 0 for two empty ones."""
    ours, theirs = set(names_in(truth)), set(names_in(answer))
    return 1 - len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


class LabelSetTask(LearnedTask):
    """Labels of texts (``Example.text``), each a yes/no question of its own. ``Example.label`` is ``label_of`` the names."""

    kind = KIND
    label_sets: ClassVar[bool] = True

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> LabelSetClassifier:
        """The classifier, with the configured encoder where it is installed."""
        classifier = LabelSetClassifier(available_encoder(report), seed=seed)
        return classifier.fit([row.text for row in examples], [names_in(row.label) for row in examples])

    def answer(self, model: LabelSetClassifier, examples: Sequence[Example]) -> list[Answer]:
        """The labels that reach their thresholds; without any the model abstains."""
        return [
            Answer(label_of([one.name for one in said.labels]), None, abstained=not said.labels)
            for said in model.predict([row.text for row in examples])
        ]

    def baseline(self, examples: Sequence[Example]) -> Answer:
        """The most frequent labels, as many (0 to 5) as fit the rows best when every row gets them."""
        counts = Counter(name for row in examples for name in names_in(row.label))
        ranked = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CONSTANT]
        constant = [label_of(ranked[:size]) for size in range(len(ranked) + 1)]
        labels = Counter(row.label for row in examples)
        return Answer(
            min(constant, key=lambda one: sum(n * distance(label, one) for label, n in labels.items()))
        )

    def loss(self, example: Example, answer: Answer) -> float:
        """How far the sets are apart."""
        return distance(example.label, answer.label)

    def names_in(self, label: Any) -> list[str]:
        """Each of the labels."""
        return names_in(label)

    def contradict(self, one: Answer, other: Answer) -> bool:
        """Whether both name labels and share none."""
        ours, theirs = set(names_in(one.label)), set(names_in(other.label))
        return bool(ours and theirs and not ours & theirs)

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """``micro_f1, macro_f1, micro_precision, micro_recall`` over every label, and ``jaccard``, the mean over rows."""
        told = [answer.label for answer in answers]
        names = sorted(
            {name for label in [*told, *(row.label for row in examples)] for name in names_in(label)}
        )
        wanted, said = _matrix([row.label for row in examples], names), _matrix(told, names)
        apart = [self.loss(row, answer) for row, answer in zip(examples, answers, strict=True)]
        return {**set_figures(wanted, said), "jaccard": 1 - float(np.mean(apart))}

    def class_modes(
        self,
        model: LabelSetClassifier,
        trial: LabelSetClassifier,
        held: Sequence[Example],
        answers: Sequence[Answer],
    ) -> dict[str, Any] | None:
        """From the out-of-fold answers of the model, and what its trial says about the newest rows; None without any label."""
        if model.judged is None:
            return None
        probabilities = trial.probabilities([row.text for row in held])
        known = {name: column for column, name in enumerate(trial.labels)}
        newest = JudgedLabels(
            model.labels,
            _matrix([row.label for row in held], model.labels),
            # What the trial had too few examples of, it says nothing about.
            np.column_stack(
                [
                    probabilities[:, known[name]] if name in known else np.zeros(len(held))
                    for name in model.labels
                ]
            ),
        )
        return measure_labels(model.judged, newest)

    def load(self, artefact: Artefact) -> LabelSetClassifier:
        """The classifier with the encoder it was trained on (none when it was trained without one)."""
        needed = artefact.metadata.get("model", {}).get("encoder")
        return LabelSetClassifier.from_artefact(artefact, sentence_encoder() if needed else None)

    def warm_up(self, model: LabelSetClassifier) -> None:
        """Let the encoder allocate what it needs."""
        model.predict(["A first question."])


def _matrix(labels: Sequence[str], names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which row has which name."""
    sets = [set(names_in(label)) for label in labels]
    return np.array([[name in one for name in names] for one in sets], dtype=bool).reshape(
        len(labels), len(names)
    )
