"""The routing learner: n-grams, sentence vectors and the training texts themselves, combined by one weight each.

Each member alone loses somewhere: vectors win on natural sentences, n-grams on stop-worded or technical tickets, the
nearest training texts on wordings that come back. Weights, familiarity and the abstain threshold are chosen on
out-of-fold predictions, so the stored probability means what it says. Everything is seeded and single-threaded: the same
rows give the same model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artefacts import Artefact, ArtefactRefused
from ml.classifiers.beside import Input, fact_columns, text_of, usual_facts
from ml.classifiers.familiarity import USUAL_SHARE, Familiarity
from ml.classifiers.features import SIDES, build_vectorizers, prepare, restore_vectorizer
from ml.classifiers.folds import assign_folds
from ml.classifiers.members import Linear, fit_ngram, fit_vector, linear_scores
from ml.classifiers.mix import Mix
from ml.classifiers.neighbours import Neighbourhood, blended
from ml.classifiers.opening import Opening, every_opening, openings, out_of_fold
from ml.classifiers.prediction import Reason, TextEncoder, TextPrediction, best_classes
from ml.classifiers.reasons import SpokenFor, reasons
from ml.evaluation.class_precision import Judged
from ml.metrics import Floats, classification_figures
from ml.threads import single_thread

KIND = "text-classifier/4"
KNOWN_KINDS = (KIND, "text-classifier/3")  # the one before knew texts only
_Described = tuple[npt.NDArray[np.float32], npt.NDArray[np.int_]] | None  # layers and classes of descriptions
WORTH_A_MEMBER = 0.01  # the openings stay when they lower the log-loss of the mix by this share
TARGET_ACCURACY = 0.90
LEAST_PROBABILITY = 0.50  # below it the label is more likely wrong than right
SMALLEST_SHARE = 0.20  # a threshold must leave at least this share of out-of-fold rows to judge it by
NEVER = 1.01  # a probability that no prediction reaches: a person always decides


class TextClassifier:
    """Learns classes from labelled texts. ``encoder`` None means n-grams only (no transformer installed).

    It abstains so that the rest reaches ``target_accuracy``, and where a text is stranger than all but ``rejected_share`` of
    the known ones.
    """

    def __init__(
        self,
        encoder: TextEncoder | None,
        *,
        seed: int = 0,
        target_accuracy: float = TARGET_ACCURACY,
        rejected_share: float = USUAL_SHARE,
    ) -> None:
        self._encoder = encoder
        self._seed = seed
        self._target = target_accuracy
        self._rejected_share = rejected_share
        self.labels: list[str] = []
        self.mix = Mix()
        self.least_probability = 0.0
        self.familiarity: Familiarity | None = None
        self.out_of_fold: dict[str, Any] = {}
        self.judged: Judged | None = None  # the answers behind it; not kept with the model
        self._vectorizers: dict[str, Any] = {}
        self._facts: list[tuple[str, str]] = []
        self._told_by = SpokenFor(None, ())
        self._ngram: Any = None
        self._vector: Any = None
        self._neighbours: Neighbourhood | None = None
        self._opening: Opening | None = None

    # Training

    def fit(
        self, inputs: Sequence[Input], labels: Sequence[str], descriptions: Mapping[str, str] | None = None
    ) -> Self:
        """Train on texts with their labels (same length, at least one row); raises ``ValueError`` otherwise.

        A ``TextInput`` brings subject and facts; facts are read beside the n-grams, openings by a member of their own.
        ``descriptions`` (label -> words) are a text more for the classes they describe: they help where examples are few.
        They are never measured on.
        """
        texts = [text_of(given) for given in inputs]
        if len(texts) != len(labels) or not texts:
            raise ValueError("training needs at least one text and exactly one label per text")
        self.labels = sorted(set(labels))
        if len(self.labels) < 2:
            return self
        targets = _codes(labels)
        layers = described = None
        if self._encoder:
            layers = self._encoder.encode_layers(texts)
            told = [(label, words) for label, words in (descriptions or {}).items() if label in self.labels]
            codes = np.array([self.labels.index(label) for label, _words in told], dtype=int)
            described = (
                (self._encoder.encode_layers([words for _label, words in told]), codes) if told else None
            )
        with single_thread():
            self._fit_members(inputs, layers, targets, described)
        return self

    def _fit_members(
        self, inputs: Sequence[Input], layers: Any, targets: npt.NDArray[np.int_], described: _Described
    ) -> None:
        self._vectorizers = build_vectorizers(_prepared(inputs))
        self._facts = usual_facts(inputs)
        grams = self._ngram_matrix(inputs)
        starts = openings(inputs)
        start_layers = self._encoder.encode_layers(starts) if starts is not None and self._encoder else None
        if self._choose_on_out_of_fold(grams, layers, targets, described, starts, start_layers):
            self._opening = Opening.fitted(starts or [], start_layers, targets, self._seed)
        self._ngram = fit_ngram(grams, targets, self._seed)
        self._prepare_reasons()
        if layers is not None:
            self._vector, self._neighbours = self._fit_vectors(layers, targets, described)

    def _fit_vectors(
        self, layers: Any, targets: npt.NDArray[np.int_], described: _Described
    ) -> tuple[Any, Neighbourhood]:
        if described is not None:
            layers, targets = np.vstack([layers, described[0]]), np.concatenate([targets, described[1]])
        return fit_vector(layers, targets), Neighbourhood.of(blended(layers), targets, self._seed)

    def _choose_on_out_of_fold(
        self,
        grams: Any,
        layers: Any,
        targets: npt.NDArray[np.int_],
        described: _Described,
        starts: Sequence[str] | None,
        start_layers: Any,
    ) -> bool:
        """Choose mix, thresholds and familiarity; whether the openings take part."""
        folds = assign_folds(targets, self._seed)
        if folds is None:  # too few rows to hold any out: an even mix, never trusted without a person
            self.mix = Mix() if layers is None else Mix(1.0, 0.3, 0.3)
            self.least_probability = NEVER
            return False
        classes = len(self.labels)
        names = ("ngram",) if layers is None else ("ngram", "vector", "neighbours")
        scores = {name: np.empty((len(targets), classes)) for name in names}
        near = np.empty(len(targets))
        for fold in range(int(folds.max()) + 1):
            train, held = folds != fold, folds == fold
            ngram = fit_ngram(grams[train], targets[train], self._seed)
            scores["ngram"][held] = linear_scores(ngram, grams[held], classes)
            if layers is not None:
                vector, known = self._fit_vectors(layers[train], targets[train], described)
                scores["vector"][held] = linear_scores(vector, layers[held], classes)
                scores["neighbours"][held], near[held] = known.asked(blended(layers[held]), classes)
        self.mix = Mix.fitted(scores, targets, self._seed)
        opened = False
        if starts is not None:
            more = scores | out_of_fold(starts, start_layers, targets, folds, self._seed)
            richer = Mix.fitted(more, targets, self._seed)
            if richer.loss(more, targets) < (1 - WORTH_A_MEMBER) * self.mix.loss(scores, targets):
                self.mix, scores, opened = richer, more, True
        self.mix = self.mix.evened(scores, targets)
        probabilities = np.exp(self.mix.log_probabilities(scores))
        predicted, confidence = probabilities.argmax(1), probabilities.max(1)
        labels = np.array(self.labels)
        self.out_of_fold = classification_figures(list(labels[targets]), list(labels[predicted]), confidence)
        self.least_probability = _probability_threshold(confidence, predicted == targets, self._target)
        abstained = confidence < self.least_probability
        if layers is not None:
            evidence = _evidence(scores, near)
            self.familiarity = Familiarity.learned(evidence, self._rejected_share)
            abstained |= self.familiarity.of(evidence) < self.familiarity.minimum
        self.judged = Judged(list(labels[targets]), list(labels[predicted]), confidence, abstained)
        return opened

    # Prediction

    def probabilities(self, inputs: Sequence[Input]) -> Floats:
        """Calibrated probabilities ``(len(inputs), len(labels))`` in the order of ``labels``; rows sum to 1."""
        return self._judge(inputs)[0]

    def _judge(self, inputs: Sequence[Input]) -> tuple[Floats, Any, Any, Floats | None, Floats | None]:
        """Probabilities, n-grams, n-grams of the openings, similarity and familiarity; None for what the model does without."""
        if not self.labels:
            raise ValueError("the classifier is not trained")
        if len(self.labels) < 2 or not inputs:
            return np.ones((len(inputs), len(self.labels))), None, None, None, None
        classes = len(self.labels)
        grams = self._ngram_matrix(inputs)
        scores = {"ngram": linear_scores(self._ngram, grams, classes)}
        starts = near = familiarity = None
        if self._encoder is not None and self._neighbours is not None:
            layers = self._encoder.encode_layers([text_of(given) for given in inputs])
            scores["vector"] = linear_scores(self._vector, layers, classes)
            scores["neighbours"], near = self._neighbours.asked(blended(layers), classes)
            if self.familiarity is not None:
                familiarity = self.familiarity.of(_evidence(scores, near))
        if self._opening is not None:
            texts = every_opening(inputs)
            starts = self._opening.grams(texts)
            start_layers = self._encoder.encode_layers(texts) if self._encoder else None
            scores |= self._opening.scores(starts, start_layers, classes)
        return np.exp(self.mix.log_probabilities(scores)), grams, starts, near, familiarity

    def predict(self, inputs: Sequence[Input]) -> list[TextPrediction]:
        """One prediction per text, in order."""
        if not inputs:
            return []
        probabilities, grams, starts, near, familiarity = self._judge(inputs)
        return [
            self._prediction(
                row,
                None if grams is None else grams[i],
                None if starts is None else starts[i],
                None if near is None else float(near[i]),
                None if familiarity is None else float(familiarity[i]),
            )
            for i, row in enumerate(probabilities)
        ]

    def _prediction(
        self, row: Floats, grams: Any, starts: Any, similarity: float | None, familiarity: float | None
    ) -> TextPrediction:
        alternatives = best_classes(row, self.labels)
        label, probability = alternatives[0]
        because = ""
        if (
            self.familiarity is not None
            and familiarity is not None
            and familiarity < self.familiarity.minimum
        ):
            because = "unfamiliar"
        elif probability < self.least_probability:
            because = "unsure"
        return TextPrediction(
            label=label,
            probability=probability,
            alternatives=alternatives,
            reasons=self._reasons(grams, starts, int(row.argmax())) if grams is not None else (),
            abstained=bool(because),
            because=because,
            similarity=similarity,
            familiarity=familiarity,
            least=float(self.least_probability),
        )

    def _reasons(self, grams: Any, starts: Any, column: int) -> tuple[Reason, ...]:
        """What spoke for the class, by the say of each member over n-grams."""
        share = self._opening_share()
        parts = [(1 - share, self._told_by.of(grams, column))]
        if self._opening is not None:
            parts.append((share, self._opening.told_by.of(starts, column)))
        return reasons(parts)

    def _opening_share(self) -> float:
        return self.mix.opening / (self.mix.ngram + self.mix.opening) if self.mix.opening else 0.0

    def _prepare_reasons(self) -> None:
        words = self._vectorizers["word"].get_feature_names_out()
        self._told_by = SpokenFor(self._ngram, words, self._facts)

    def _ngram_matrix(self, inputs: Sequence[Input]) -> Any:
        from scipy.sparse import hstack

        texts = _prepared(inputs)
        sides = [vectorizer.transform(texts) for vectorizer in self._vectorizers.values()]
        if self._facts:
            sides.append(fact_columns(inputs, self._facts))
        return hstack(sides, format="csr")

    # Files

    def to_artefact(self) -> Artefact:
        """The trained model as estimators, arrays and metadata, for ``ml.artefacts.write_artefact``."""
        decisive = {
            "kind": KIND,
            "labels": self.labels,
            "mix": asdict(self.mix),
            "least_probability": self.least_probability,
            "familiarity": self.familiarity.to_json() if self.familiarity else None,
            "encoder": self._encoder.digest if self._encoder else "",
            "terms": {
                name: side.get_feature_names_out().tolist() for name, side in self._vectorizers.items()
            },
        }
        if self._opening is not None:
            decisive["opening_terms"] = self._opening.terms()
        if self._facts:
            decisive["facts"] = [list(pair) for pair in self._facts]
        arrays = {f"{name}_idf": side.idf_ for name, side in self._vectorizers.items()}
        for name, member in (("ngram_model", self._ngram), ("vector_model", self._vector)):
            if member is not None:
                arrays |= Linear.of(member).to_arrays(name)
        if self._neighbours is not None:
            arrays["neighbours"] = self._neighbours.vectors
            arrays["neighbour_targets"] = self._neighbours.targets
        if self._opening is not None:
            arrays |= self._opening.arrays()
        return Artefact(
            metadata={
                "model": decisive,
                "out_of_fold": self.out_of_fold,
                "scikit_learn": _scikit_learn_version(),
            },
            arrays=arrays,
        )

    @classmethod
    def from_artefact(cls, artefact: Artefact, encoder: TextEncoder | None) -> Self:
        """Rebuild a trained model; raises ``ArtefactRefused`` for another kind of model or another encoder."""
        model = artefact.metadata.get("model", {})
        if model.get("kind") not in KNOWN_KINDS:
            raise ArtefactRefused(f"this is no {KIND} model")
        if model["encoder"] != (encoder.digest if encoder else ""):
            raise ArtefactRefused("the model was trained with another encoder; train it again")
        loaded = cls(encoder)
        loaded.labels = list(model["labels"])
        loaded.mix = Mix(**model["mix"])
        loaded.least_probability = model["least_probability"]
        if model["familiarity"] is not None:
            loaded.familiarity = Familiarity.from_json(model["familiarity"])
        loaded.out_of_fold = artefact.metadata.get("out_of_fold", {})
        loaded._vectorizers = {
            name: restore_vectorizer(name, model["terms"][name], artefact.arrays[f"{name}_idf"])
            for name in SIDES
            if name in model["terms"]
        }
        loaded._ngram, loaded._vector = (
            # Earlier versions lie there as estimators.
            Linear.from_arrays(name, artefact.arrays) or artefact.estimators.get(name)
            for name in ("ngram_model", "vector_model")
        )
        loaded._facts = [(name, value) for name, value in model.get("facts", ())]
        if loaded._ngram is not None:
            loaded._prepare_reasons()
        if "neighbours" in artefact.arrays:
            loaded._neighbours = Neighbourhood(
                artefact.arrays["neighbours"], artefact.arrays["neighbour_targets"]
            )
        if "opening_terms" in model:
            loaded._opening = Opening.restored(model["opening_terms"], artefact.arrays)
        return loaded


def _prepared(inputs: Sequence[Input]) -> list[str]:
    return [prepare(text_of(given)) for given in inputs]


def _codes(labels: Sequence[str]) -> npt.NDArray[np.int_]:
    codes: npt.NDArray[np.int_] = np.unique(np.array(labels), return_inverse=True)[1]
    return codes


def _scikit_learn_version() -> str:
    import sklearn

    return str(sklearn.__version__)


def _evidence(scores: Mapping[str, Floats], near: Floats) -> Floats:
    """What speaks for a text being of a known kind: ``(n, 3)``, see ``ml.classifiers.familiarity``."""
    return np.column_stack([scores["ngram"].max(axis=1), scores["vector"].max(axis=1), near])


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
