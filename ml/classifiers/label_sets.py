"""Several labels at once (tags): one yes/no question per label over n-grams and sentence vectors, one threshold each.

A label is learned from twenty texts on. Each member answers every question with a linear score; out of fold a logistic
regression (Platt's) turns the scores into one probability per label, and the least probability is chosen from which on the
label is right often enough. A label that never gets there is off: it is never said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artefacts import Artefact, ArtefactRefused
from ml.classifiers.features import SIDES, build_vectorizers, prepare, readable_terms, restore_vectorizer
from ml.classifiers.folds import assign_folds
from ml.classifiers.members import fit_ngram, fit_vector
from ml.classifiers.prediction import Reason, TextEncoder
from ml.evaluation.label_precision import FEWEST_EXAMPLES, JudgedLabels, least_probability
from ml.metrics import Floats, calibration_error
from ml.threads import single_thread

KIND = "label-sets/1"
MOST_LABELS = 100  # the most frequent ones: each is a row of weights over all n-grams
REASONS = 3
NEVER = 1.01  # a probability that no label reaches: it is off


@dataclass(frozen=True)
class SaidLabel:
    """A label that a text probably has, its calibrated probability (0..1) and the terms that speak for it."""

    name: str
    probability: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class LabelSet:
    """The labels of one text that reach their thresholds, the likeliest first."""

    labels: tuple[SaidLabel, ...]


class LabelSetClassifier:
    """Learns which of several labels texts have. ``encoder`` None means n-grams only (no transformer installed)."""

    def __init__(self, encoder: TextEncoder | None, *, seed: int = 0) -> None:
        self._encoder = encoder
        self._seed = seed
        self.labels: list[str] = []
        self.thresholds: Floats = np.zeros(0)
        self.out_of_fold: dict[str, Any] = {}
        self.judged: JudgedLabels | None = None  # the answers behind it; not kept with the model
        self._vectorizers: dict[str, Any] = {}
        self._weights: dict[
            str, npt.NDArray[np.float32]
        ] = {}  # per member (labels, features + 1): the last is the bias
        self._platt: Floats = np.zeros((0, 0))  # (labels, members + 1): the last is the bias
        self._terms: npt.NDArray[np.object_] = np.array([], dtype=object)

    def fit(self, texts: Sequence[str], label_sets: Sequence[Collection[str]]) -> Self:
        """Train on texts with their labels, none included (same length, at least one row); raises ``ValueError`` otherwise.

        Labels of fewer than twenty texts, and beyond the hundred most frequent ones, are not learned.
        """
        if len(texts) != len(label_sets) or not texts:
            raise ValueError("training needs at least one text and exactly one set of labels per text")
        counts = Counter(label for labels in label_sets for label in set(labels))
        frequent = sorted(
            (label for label, count in counts.items() if FEWEST_EXAMPLES <= count < len(texts)),
            key=lambda label: (-counts[label], label),
        )
        self.labels = sorted(frequent[:MOST_LABELS])
        if not self.labels:
            return self
        wanted = np.array([[label in labels for label in self.labels] for labels in label_sets], dtype=int)
        layers = self._encoder.encode_layers(texts) if self._encoder else None
        with single_thread():
            prepared = [prepare(text) for text in texts]
            self._vectorizers = build_vectorizers(prepared)
            members = {"ngram": self._ngram_matrix(prepared)} | ({} if layers is None else {"vector": layers})
            self._choose_out_of_fold(members, wanted)
            self._weights = {name: self._fit_member(name, rows, wanted) for name, rows in members.items()}
        self._prepare_reasons()
        return self

    def _fit_member(self, name: str, rows: Any, wanted: npt.NDArray[np.int_]) -> npt.NDArray[np.float32]:
        """One linear model per label; a label that the rows lack, or all have, gets its constant."""
        weights = np.zeros((wanted.shape[1], rows.shape[1] + 1), dtype=np.float32)
        for column in range(wanted.shape[1]):
            model = (
                fit_ngram(rows, wanted[:, column], self._seed)
                if name == "ngram"
                else fit_vector(rows, wanted[:, column])
            )
            if isinstance(model, int):
                weights[column, -1] = 1.0 if model else -1.0
            else:
                weights[column, :-1] = model.coef_[0]
                weights[column, -1] = model.intercept_[0]
        return weights

    def _choose_out_of_fold(self, members: dict[str, Any], wanted: npt.NDArray[np.int_]) -> None:
        """Calibrate every label and choose its threshold on scores of models that had not seen the row."""
        scores = np.zeros((len(members), *wanted.shape))
        # Folds are balanced over what is rare: each row counts for its rarest label, 0 for none.
        rarity = np.where(wanted.any(axis=1), 1 + np.where(wanted, wanted.sum(0), 1 << 30).argmin(1), 0)
        folds = assign_folds(rarity, self._seed)
        if folds is None:  # cannot be with twenty texts of a label
            raise ValueError("there are too few rows to hold any out")
        for fold in range(int(folds.max()) + 1):
            held = folds == fold
            for number, (name, rows) in enumerate(members.items()):
                weights = self._fit_member(name, rows[~held], wanted[~held])
                scores[number, held] = _scores(weights, rows[held])
        self._platt = np.array([_platt(scores[:, :, n].T, wanted[:, n]) for n in range(wanted.shape[1])])
        probabilities = _probabilities(self._platt, scores)
        self.judged = JudgedLabels(self.labels, wanted.astype(bool), probabilities)
        chosen = [least_probability(self.judged, n) for n in range(len(self.labels))]
        self.thresholds = np.array([NEVER if least is None else least for least in chosen])
        self.out_of_fold = {
            **self.judged.figures(self.thresholds),
            "ece": calibration_error(probabilities.ravel(), wanted.ravel().astype(float)),
        }

    # Prediction

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities ``(len(texts), len(labels))`` in the order of ``labels``; each stands for itself."""
        return self._judge(texts)[0]

    def _judge(self, texts: Sequence[str]) -> tuple[Floats, Any]:
        if not self.labels or not texts:
            return np.zeros((len(texts), len(self.labels))), None
        grams = self._ngram_matrix([prepare(text) for text in texts])
        scores = [_scores(self._weights["ngram"], grams)]
        if self._encoder is not None and "vector" in self._weights:
            scores.append(_scores(self._weights["vector"], self._encoder.encode_layers(texts)))
        return _probabilities(self._platt, np.array(scores)), grams

    def predict(self, texts: Sequence[str]) -> list[LabelSet]:
        """The labels of each text, in order; often none."""
        probabilities, grams = self._judge(texts)
        return [self._said(row, grams, number) for number, row in enumerate(probabilities)]

    def _said(self, row: Floats, grams: Any, number: int) -> LabelSet:
        columns = [n for n in np.argsort(-row, kind="stable") if row[n] >= self.thresholds[n]]
        return LabelSet(
            tuple(
                SaidLabel(self.labels[n], float(row[n]), self._reasons(grams[number], int(n)))
                for n in columns
            )
        )

    def _reasons(self, grams: Any, column: int) -> tuple[Reason, ...]:
        """The words of the text that speak for the label, by their weight."""
        present = grams[:, : len(self._terms)].tocoo()
        weights = self._weights["ngram"][column, present.col] * present.data
        pairs = zip(self._terms[present.col], weights, strict=True)
        ranked = sorted((pair for pair in pairs if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))
        return tuple(
            Reason(term, round(float(weight), 4)) for term, weight in readable_terms(ranked, REASONS)
        )

    def _prepare_reasons(self) -> None:
        self._terms = self._vectorizers["word"].get_feature_names_out()

    def _ngram_matrix(self, prepared: Sequence[str]) -> Any:
        from scipy.sparse import hstack

        return hstack(
            [vectorizer.transform(prepared) for vectorizer in self._vectorizers.values()], format="csr"
        )

    # Files

    def to_artefact(self) -> Artefact:
        """The trained model as arrays and metadata, for ``ml.artefacts.write_artefact``."""
        decisive = {
            "kind": KIND,
            "labels": self.labels,
            "thresholds": self.thresholds.tolist(),
            "encoder": self._encoder.digest if self._encoder else "",
            "terms": {
                name: side.get_feature_names_out().tolist() for name, side in self._vectorizers.items()
            },
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            f"{name}_idf": side.idf_ for name, side in self._vectorizers.items()
        }
        arrays |= {f"{name}_weights": weights for name, weights in self._weights.items()}
        if self.labels:
            arrays["platt"] = self._platt
        return Artefact(metadata={"model": decisive, "out_of_fold": self.out_of_fold}, arrays=arrays)

    @classmethod
    def from_artefact(cls, artefact: Artefact, encoder: TextEncoder | None) -> Self:
        """Rebuild a trained model; raises ``ArtefactRefused`` for another kind of model or another encoder."""
        model = artefact.metadata.get("model", {})
        if model.get("kind") != KIND:
            raise ArtefactRefused(f"this is no {KIND} model")
        if model["encoder"] != (encoder.digest if encoder else ""):
            raise ArtefactRefused("the model was trained with another encoder; train it again")
        loaded = cls(encoder)
        loaded.labels = list(model["labels"])
        loaded.thresholds = np.array(model["thresholds"])
        loaded.out_of_fold = artefact.metadata.get("out_of_fold", {})
        if loaded.labels:
            loaded._vectorizers = {
                name: restore_vectorizer(name, model["terms"][name], artefact.arrays[f"{name}_idf"])
                for name in SIDES
                if name in model["terms"]
            }
            loaded._weights = {
                name: artefact.arrays[f"{name}_weights"]
                for name in ("ngram", "vector")
                if f"{name}_weights" in artefact.arrays
            }
            loaded._platt = artefact.arrays["platt"]
            loaded._prepare_reasons()
        return loaded


def _scores(weights: npt.NDArray[np.float32], rows: Any) -> Floats:
    """Linear scores ``(rows, labels)``."""
    scores: Floats = np.asarray(rows @ weights[:, :-1].T, dtype=float) + weights[:, -1]
    return scores


def _platt(scores: Floats, wanted: npt.NDArray[np.int_]) -> list[float]:
    """Weights of the members' scores and a bias, so that the logistic of their sum is a probability."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=400).fit(scores, wanted)
    return [*map(float, model.coef_[0]), float(model.intercept_[0])]


def _probabilities(platt: Floats, scores: Floats) -> Floats:
    """``(rows, labels)`` from the members' scores ``(members, rows, labels)``."""
    logits = np.einsum("mrl,lm->rl", scores, platt[:, :-1]) + platt[:, -1]
    told: Floats = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    return told
