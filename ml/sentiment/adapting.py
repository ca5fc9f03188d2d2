"""Adapting the sentiment model to the operator's own labels.

From 1,000 labelled texts on, the adapter itself is trained further on them. Fewer would make it forget more
than it learns: then the encoder stays, a text classifier learns from n-grams and the adapter's pooled states, and its
answer is averaged in log space with the shipped model's, with a weight chosen out of fold, so that ten labels change little.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from ml.classifiers import TextClassifier
from ml.classifiers.folds import assign_folds
from ml.metrics import fit_temperature, log_softmax
from ml.sentiment.datasets import LABELS, LabelledText
from ml.sentiment.scorer import AdapterModel, SentimentModel
from ml.sentiment.training import AdapterTrainer, TrainingPlan

Floats = npt.NDArray[np.float64]

WEIGHTS = np.linspace(0, 1, 11)
FLOOR = 1e-4
JUDGED_ROWS = 8_000  # enough to choose two numbers by, and three minutes of fine-tuning
FINE_TUNED_FROM = 1_000


class PooledStates:
    """The adapted encoder's pooled states as unit vectors, in the shape that a text classifier wants."""

    def __init__(self, model: AdapterModel) -> None:
        self._model = model
        self.digest = model.version
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(len(texts), 384)``; folds ask for the same texts again, so they are kept."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        states = self._model.features(missing)
        scaled = states / np.linalg.norm(states, axis=1, keepdims=True).clip(min=1e-9)
        self._known.update(zip(missing, scaled, strict=True))
        return np.stack([self._known[text] for text in texts])

    def encode_layers(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same vector twice: the adapter was trained on the last layer."""
        return np.hstack([self.encode(texts)] * 2)


class AdaptedModel:
    """The shipped model and a classifier trained on the operator's labels, averaged in log space."""

    def __init__(
        self, shipped: SentimentModel, learned: TextClassifier, weight: float, temperature: float
    ) -> None:
        self._shipped = shipped
        self._learned = learned
        self._weight = weight
        self._temperature = temperature
        self.version = f"{shipped.version}+adapted"

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """P(negative), P(neutral), P(positive): ``(len(texts), 3)``."""
        learned = _in_label_order(self._learned, self._learned.probabilities(texts))
        return np.exp(_combined(self._shipped.probabilities(texts), learned, self._weight, self._temperature))


def adapted_model(shipped: SentimentModel, texts: Sequence[str], labels: Sequence[str]) -> SentimentModel:
    """Train on texts with labels out of ``LABELS``; with too few rows to judge by, the shipped model keeps its say."""
    if isinstance(shipped, AdapterModel) and len(texts) >= FINE_TUNED_FROM:
        return _fine_tuned(shipped, texts, labels)
    encoder = PooledStates(shipped) if isinstance(shipped, AdapterModel) else None
    # Files are often sorted by label: judge by a random part, not by the first rows.
    rows = np.random.default_rng(0).permutation(len(texts))[:JUDGED_ROWS].tolist()
    weight, temperature = _judge_out_of_fold(
        shipped, encoder, [texts[i] for i in rows], [labels[i] for i in rows]
    )
    return AdaptedModel(shipped, TextClassifier(encoder).fit(texts, labels), weight, temperature)


def _fine_tuned(shipped: AdapterModel, texts: Sequence[str], labels: Sequence[str]) -> AdapterModel:
    """The adapter after two to four epochs on at most 8,000 of the texts; a tenth is kept for the temperature."""
    order = np.random.default_rng(0).permutation(len(texts))[:JUDGED_ROWS].tolist()
    rows = [LabelledText(texts[i], labels[i], str(i), "own") for i in order]
    kept, held = rows[len(rows) // 10 :], rows[: len(rows) // 10]
    epochs = max(2, min(4, 4_000 // len(kept)))
    trainer = AdapterTrainer(TrainingPlan(epochs=epochs, learning_rate=5e-4))
    trainer.start_from(shipped.weights)
    trainer.train([kept] * epochs, lambda _line: None)
    with TemporaryDirectory() as folder:
        card = {
            "calibration": shipped.calibration.stored() | {"temperature": 1.0},
            "thresholds": shipped.thresholds,
        }
        trainer.save(Path(folder), card)
        logits = AdapterModel(Path(folder)).logits([row.text for row in held])
        targets = np.array([LABELS.index(row.label) for row in held])
        present = np.unique([LABELS.index(row.label) for row in rows])
        card["calibration"]["temperature"] = fit_temperature(
            logits[:, present], np.searchsorted(present, targets)
        )
        trainer.save(Path(folder), card)
        return AdapterModel(Path(folder))


def _judge_out_of_fold(
    shipped: SentimentModel, encoder: PooledStates | None, texts: Sequence[str], labels: Sequence[str]
) -> tuple[float, float]:
    targets = np.array([LABELS.index(label) for label in labels])
    folds = assign_folds(targets, 0)
    if folds is None:
        return 0.0, 1.0
    learned = np.empty((len(texts), len(LABELS)))
    for fold in range(int(folds.max()) + 1):
        train, held = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        part = TextClassifier(encoder).fit([texts[i] for i in train], [labels[i] for i in train])
        learned[held] = _in_label_order(part, part.probabilities([texts[i] for i in held]))
    return _choose(shipped.probabilities(texts), learned, targets)


def _choose(shipped: Floats, learned: Floats, targets: npt.NDArray[np.int_]) -> tuple[float, float]:
    """Weight of the learned half and temperature with the lowest out-of-fold log-loss, over the classes that occur."""
    present = np.unique(targets)
    columns = np.searchsorted(present, targets)
    best, best_loss = (0.0, 1.0), np.inf
    for weight in WEIGHTS:
        logits = _combined(shipped, learned, float(weight), 1.0)[:, present]
        temperature = fit_temperature(logits, columns)
        loss = -log_softmax(logits / temperature)[np.arange(len(columns)), columns].mean()
        if loss < best_loss:
            best, best_loss = (float(weight), temperature), loss
    return best


def _combined(shipped: Floats, learned: Floats, weight: float, temperature: float) -> Floats:
    logits = (1 - weight) * np.log(shipped.clip(min=FLOOR)) + weight * np.log(learned.clip(min=FLOOR))
    return log_softmax(logits / temperature)


def _in_label_order(model: TextClassifier, probabilities: Floats) -> Floats:
    ordered = np.zeros((len(probabilities), len(LABELS)))
    ordered[:, [LABELS.index(label) for label in model.labels]] = probabilities
    return ordered
