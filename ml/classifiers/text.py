"""The routing learner: a linear model over word and character n-grams and one over sentence vectors, averaged in log space.

Each half alone loses somewhere: vectors win on natural sentences, n-grams on stop-worded or technical tickets. The
weight of the mix, the temperatures and the abstain thresholds are chosen on out-of-fold predictions, so the stored
probability means what it says. Everything is seeded and single-threaded: the same rows give the same model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artefacts import Artefact, ArtefactRefused
from ml.classifiers.features import SIDES, build_vectorizers, prepare, readable_terms, restore_vectorizer
from ml.classifiers.folds import assign_folds
from ml.classifiers.neighbours import Neighbourhood
from ml.classifiers.prediction import Reason, TextEncoder, TextPrediction, best_classes
from ml.metrics import Floats, classification_figures, fit_temperature, log_softmax
from ml.threads import single_thread

KIND = "text-classifier/2"
MIX_STEPS = 11
CALIBRATION_ROWS = 5_000
REASONS = 5
TARGET_ACCURACY = 0.90
LEAST_PROBABILITY = 0.50  # below it the label is more likely wrong than right
SMALLEST_SHARE = 0.20  # a threshold must leave at least this share of out-of-fold rows to judge it by


@dataclass(frozen=True)
class Mix:
    """How the two halves are combined: ``softmax((w * log p_ngram + (1 - w) * log p_vector) / temperature)``."""

    ngram_weight: float = 1.0
    ngram_temperature: float = 1.0
    vector_temperature: float = 1.0
    temperature: float = 1.0

    def log_probabilities(self, ngram: Floats, vector: Floats | None) -> Floats:
        """Log-probabilities ``(n, classes)`` from the raw scores of the two halves."""
        combined = self.ngram_weight * log_softmax(ngram / self.ngram_temperature)
        if vector is not None and self.ngram_weight < 1:
            combined = combined + (1 - self.ngram_weight) * log_softmax(vector / self.vector_temperature)
        return log_softmax(combined / self.temperature)


@dataclass(frozen=True)
class Thresholds:
    """Below either value the classifier abstains; similarity counts only when there is an encoder."""

    probability: float = 0.0
    similarity: float = -1.0


class TextClassifier:
    """Learns classes from labelled texts. ``encoder`` None means n-grams only (no transformer installed)."""

    def __init__(
        self, encoder: TextEncoder | None, *, seed: int = 0, target_accuracy: float = TARGET_ACCURACY
    ) -> None:
        self._encoder = encoder
        self._seed = seed
        self._target = target_accuracy
        self.labels: list[str] = []
        self.mix = Mix()
        self.thresholds = Thresholds()
        self.out_of_fold: dict[str, Any] = {}
        self._vectorizers: dict[str, Any] = {}
        self._terms: npt.NDArray[np.object_] = np.array([], dtype=object)
        self._mean_weights: npt.NDArray[np.float32] = np.array([], dtype=np.float32)
        self._ngram: Any = None
        self._vector: Any = None
        self._neighbours: Neighbourhood | None = None

    # Training

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Self:
        """Train on texts with their labels (same length, at least one row); raises ``ValueError`` otherwise."""
        if len(texts) != len(labels) or not texts:
            raise ValueError("training needs at least one text and exactly one label per text")
        self.labels = sorted(set(labels))
        targets = _codes(labels)
        vectors = self._encoder.encode(texts) if self._encoder else None
        if vectors is not None:
            self._neighbours = Neighbourhood.of(vectors, self._seed)
        if len(self.labels) < 2:
            return self
        with single_thread():
            self._fit_halves([prepare(text) for text in texts], vectors, targets)
        return self

    def _fit_halves(self, prepared: Sequence[str], vectors: Any, targets: npt.NDArray[np.int_]) -> None:
        self._vectorizers = build_vectorizers(prepared)
        grams = self._ngram_matrix(prepared)
        self._choose_on_out_of_fold(grams, vectors, targets)
        self._ngram = _fit_ngram(grams, targets, self._seed)
        self._prepare_reasons()
        self._vector = (
            None if vectors is None or self.mix.ngram_weight == 1 else _fit_vector(vectors, targets)
        )

    def _choose_on_out_of_fold(self, grams: Any, vectors: Any, targets: npt.NDArray[np.int_]) -> None:
        folds = assign_folds(targets, self._seed)
        if folds is None:  # too few rows to hold any out: an even mix, never trusted without a person
            self.mix = Mix(ngram_weight=0.5 if vectors is not None else 1.0)
            self.thresholds = Thresholds(probability=1.01)
            return
        classes = len(self.labels)
        ngram = np.empty((len(targets), classes))
        vector = None if vectors is None else np.empty((len(targets), classes))
        for fold in range(int(folds.max()) + 1):
            train, held = folds != fold, folds == fold
            ngram[held] = _scores(_fit_ngram(grams[train], targets[train], self._seed), grams[held], classes)
            if vector is not None:
                vector[held] = _scores(_fit_vector(vectors[train], targets[train]), vectors[held], classes)
        self.mix = _choose_mix(ngram, vector, targets, self._seed)
        probabilities = np.exp(self.mix.log_probabilities(ngram, vector))
        predicted, confidence = probabilities.argmax(1), probabilities.max(1)
        names = np.array(self.labels)
        self.out_of_fold = classification_figures(list(names[targets]), list(names[predicted]), confidence)
        self.thresholds = Thresholds(
            probability=_probability_threshold(confidence, predicted == targets, self._target),
            similarity=self._neighbours.usual_minimum() if self._neighbours else -1.0,
        )

    # Prediction

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities ``(len(texts), len(labels))`` in the order of ``labels``; rows sum to 1."""
        return self._judge(texts, self._encoder.encode(texts) if self._encoder else None)[0]

    def _judge(self, texts: Sequence[str], vectors: Any) -> tuple[Floats, Any]:
        if not self.labels:
            raise ValueError("the classifier is not trained")
        if len(self.labels) < 2 or not texts:
            return np.ones((len(texts), len(self.labels))), None
        grams = self._ngram_matrix([prepare(text) for text in texts])
        ngram = _scores(self._ngram, grams, len(self.labels))
        vector = None if self._vector is None else _scores(self._vector, vectors, len(self.labels))
        return np.exp(self.mix.log_probabilities(ngram, vector)), grams

    def predict(self, texts: Sequence[str]) -> list[TextPrediction]:
        """One prediction per text, in order."""
        if not texts:
            return []
        vectors = self._encoder.encode(texts) if self._encoder else None
        probabilities, grams = self._judge(texts, vectors)
        near = self._neighbours.similarity(vectors) if self._neighbours and vectors is not None else None
        return [
            self._prediction(
                row, None if near is None else float(near[i]), grams[i] if grams is not None else None
            )
            for i, row in enumerate(probabilities)
        ]

    def _prediction(self, row: Floats, similarity: float | None, grams: Any) -> TextPrediction:
        alternatives = best_classes(row, self.labels)
        label, probability = alternatives[0]
        because = ""
        if similarity is not None and similarity < self.thresholds.similarity:
            because = "unfamiliar"
        elif probability < self.thresholds.probability:
            because = "unsure"
        return TextPrediction(
            label=label,
            probability=probability,
            alternatives=alternatives,
            reasons=self._reasons(grams, int(row.argmax())) if grams is not None else (),
            abstained=bool(because),
            because=because,
            similarity=similarity,
        )

    def _reasons(self, grams: Any, column: int) -> tuple[Reason, ...]:
        """Word n-grams of the text by weight for the class minus their mean weight over all classes."""
        terms = self._terms
        present = grams[:, : len(terms)].tocoo()
        coefficients = self._ngram.coef_
        if len(coefficients) == 1:  # two classes share one row of weights
            contrast = coefficients[0, present.col] * (1 if column == 1 else -1)
        else:
            contrast = coefficients[column, present.col] - self._mean_weights[present.col]
        weights = contrast * present.data
        ranked = sorted(
            zip(terms[present.col], weights, strict=True), key=lambda pair: (-abs(pair[1]), pair[0])
        )
        return tuple(
            Reason(term, round(float(weight), 4)) for term, weight in readable_terms(ranked, REASONS)
        )

    def _prepare_reasons(self) -> None:
        self._terms = self._vectorizers["word"].get_feature_names_out()
        self._mean_weights = self._ngram.coef_.mean(axis=0)

    def _ngram_matrix(self, prepared: Sequence[str]) -> Any:
        from scipy.sparse import hstack

        return hstack(
            [vectorizer.transform(prepared) for vectorizer in self._vectorizers.values()], format="csr"
        )

    # Files

    def to_artefact(self) -> Artefact:
        """The trained model as estimators, arrays and metadata, for ``ml.artefacts.write_artefact``."""
        estimators = {}
        if self._ngram is not None:
            estimators["ngram_model"] = self._ngram
        if self._vector is not None:
            estimators["vector_model"] = self._vector
        decisive = {
            "kind": KIND,
            "labels": self.labels,
            "mix": asdict(self.mix),
            "thresholds": asdict(self.thresholds),
            "encoder": self._encoder.digest if self._encoder else "",
            "terms": {
                name: side.get_feature_names_out().tolist() for name, side in self._vectorizers.items()
            },
        }
        arrays = {f"{name}_idf": side.idf_ for name, side in self._vectorizers.items()}
        if self._neighbours is not None:
            arrays["neighbours"] = self._neighbours.vectors
        return Artefact(
            metadata={
                "model": decisive,
                "out_of_fold": self.out_of_fold,
                "scikit_learn": _scikit_learn_version(),
            },
            estimators=estimators,
            arrays=arrays,
        )

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
        loaded.mix = Mix(**model["mix"])
        loaded.thresholds = Thresholds(**model["thresholds"])
        loaded.out_of_fold = artefact.metadata.get("out_of_fold", {})
        loaded._vectorizers = {
            name: restore_vectorizer(name, model["terms"][name], artefact.arrays[f"{name}_idf"])
            for name in SIDES
            if name in model["terms"]
        }
        loaded._ngram = artefact.estimators.get("ngram_model")
        loaded._vector = artefact.estimators.get("vector_model")
        if loaded._ngram is not None:
            loaded._prepare_reasons()
        if "neighbours" in artefact.arrays:
            loaded._neighbours = Neighbourhood(artefact.arrays["neighbours"])
        return loaded


def _codes(labels: Sequence[str]) -> npt.NDArray[np.int_]:
    codes: npt.NDArray[np.int_] = np.unique(np.array(labels), return_inverse=True)[1]
    return codes


def _scikit_learn_version() -> str:
    import sklearn

    return str(sklearn.__version__)


def _fit_ngram(grams: Any, targets: npt.NDArray[np.int_], seed: int) -> Any:
    from sklearn.svm import LinearSVC

    if len(np.unique(targets)) < 2:
        return int(targets[0])
    model = LinearSVC(C=1.0, random_state=seed, max_iter=2_000)
    with warnings.catch_warnings():
        # Many classes of few rows each are normal for a young help desk; scikit-learn suspects a regression.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        model.fit(grams, targets)
    model.coef_ = model.coef_.astype(np.float32)  # halves memory and file; scores change by less than 1e-5
    return model


def _fit_vector(vectors: Any, targets: npt.NDArray[np.int_]) -> Any:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(targets)) < 2:
        return int(targets[0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return LogisticRegression(C=30.0, max_iter=400).fit(vectors, targets)


def _scores(model: Any, rows: Any, classes: int) -> Floats:
    """Raw scores with a column for every class; classes that the training fold lacked get the row's minimum - 1."""
    if isinstance(model, int):
        constant = np.full((rows.shape[0], classes), -1.0)
        constant[:, model] = 1.0
        return constant
    scores = np.asarray(model.decision_function(rows), dtype=float)
    if scores.ndim == 1:
        scores = np.column_stack([-scores / 2, scores / 2])
    if len(model.classes_) == classes:
        return scores
    full = np.repeat(scores.min(axis=1, keepdims=True) - 1, classes, axis=1)
    full[:, model.classes_] = scores
    return full


def _choose_mix(ngram: Floats, vector: Floats | None, targets: npt.NDArray[np.int_], seed: int) -> Mix:
    """The weight and temperatures with the lowest out-of-fold log-loss, on at most 5,000 rows."""
    if len(targets) > CALIBRATION_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(targets), CALIBRATION_ROWS, replace=False))
        ngram, targets = ngram[rows], targets[rows]
        vector = None if vector is None else vector[rows]
    ngram_temperature = fit_temperature(ngram, targets)
    if vector is None:
        return Mix(ngram_temperature=ngram_temperature)
    vector_temperature = fit_temperature(vector, targets)
    best, best_loss = Mix(), np.inf
    for weight in np.linspace(0, 1, MIX_STEPS):
        plain = Mix(float(weight), ngram_temperature, vector_temperature)
        logits = plain.log_probabilities(ngram, vector)
        temperature = fit_temperature(logits, targets)
        loss = -log_softmax(logits / temperature)[np.arange(len(targets)), targets].mean()
        if loss < best_loss:
            best, best_loss = Mix(float(weight), ngram_temperature, vector_temperature, temperature), loss
    return best


def _probability_threshold(confidence: Floats, hits: npt.NDArray[np.bool_], target: float) -> float:
    """The lowest confidence, at least 0.5, above which out-of-fold accuracy reaches ``target``.

    When no threshold reaches it with a fair number of rows, the most confident fifth stays automatic.
    """
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(hits[order]) / np.arange(1, len(order) + 1)
    fewest = max(1, round(SMALLEST_SHARE * len(order)))
    reached = np.flatnonzero(accuracy >= target)
    kept = max(int(reached[-1]) + 1 if len(reached) else 0, fewest)
    return max(LEAST_PROBABILITY, float(confidence[order[kept - 1]]))
