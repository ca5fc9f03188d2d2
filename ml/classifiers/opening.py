"""The opening of a text, its subject line or first words, as a member of its own: what a mail is about is said there.

Quoted mails, signatures and logs drown it when all words count alike. On tickets whose bodies say little, openings alone took
routing from 50 to 63 % (docs/models.md). The mix gives openings their say on out-of-fold answers, and leaves them
out where they add too little to be worth another pass of the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.classifiers.beside import Input, subject_of, text_of
from ml.classifiers.features import build_vectorizers, prepare, restore_vectorizer
from ml.classifiers.members import Linear, fit_ngram, linear_scores
from ml.classifiers.neighbours import Neighbourhood, blended
from ml.classifiers.reasons import SpokenFor
from ml.metrics import Floats

NGRAM, NEIGHBOURS = "opening", "opening_neighbours"
FIRST_WORDS = 8
LONG_TEXT = 16  # words; in shorter ones the opening is most of the text
USUAL = 0.5  # openings are looked at when at least this share of the texts has one


def openings(inputs: Sequence[Input]) -> list[str] | None:
    """The openings of all texts, prepared; None when fewer than half of them have one that says less than the whole text.

    That is the subject, else the first of several lines, else the first eight words of a long text, else the whole text.
    """
    found = [_opening(given) for given in inputs]
    own = sum(opening is not None for opening in found)
    if own < USUAL * len(inputs):
        return None
    return every_opening(inputs)


def every_opening(inputs: Sequence[Input]) -> list[str]:
    """The opening of every text, prepared; the whole text where it has none of its own."""
    return [prepare(_opening(given) or text_of(given)) for given in inputs]


def _opening(given: Input) -> str | None:
    text = text_of(given).strip()
    first, broken, rest = text.partition("\n")
    if subject_of(given).strip() or (broken and rest.strip()):
        return subject_of(given).strip() or first
    words = text[:4_000].split(maxsplit=LONG_TEXT)
    return " ".join(words[:FIRST_WORDS]) if len(words) > LONG_TEXT else None


@dataclass(frozen=True)
class Opening:
    """N-grams of the openings with a linear model, and the openings themselves as neighbours (None without an encoder)."""

    vectorizers: dict[str, Any]
    model: Any
    neighbours: Neighbourhood | None

    @classmethod
    def fitted(cls, texts: Sequence[str], layers: Any, targets: npt.NDArray[np.int_], seed: int) -> Self:
        """Learn from prepared openings; ``layers`` are their vectors or None."""
        vectorizers = build_vectorizers(texts)
        model = fit_ngram(_matrix(vectorizers, texts), targets, seed)
        return cls(vectorizers, model, _neighbours(layers, targets, seed))

    @cached_property
    def told_by(self) -> SpokenFor:
        """What says which words of an opening spoke for a class."""
        return SpokenFor(self.model, self.vectorizers["word"].get_feature_names_out())

    def grams(self, texts: Sequence[str]) -> Any:
        """The n-grams of prepared openings, one sparse row each."""
        return _matrix(self.vectorizers, texts)

    def scores(self, grams: Any, layers: Any, classes: int) -> dict[str, Floats]:
        """Raw scores ``(rows of grams, classes)`` of each member, by its name in the mix."""
        found = {NGRAM: linear_scores(self.model, grams, classes)}
        if self.neighbours is not None:
            found[NEIGHBOURS] = self.neighbours.asked(blended(layers), classes)[0]
        return found

    def terms(self) -> dict[str, list[str]]:
        """The features by side, for the file of the model."""
        return {name: side.get_feature_names_out().tolist() for name, side in self.vectorizers.items()}

    def arrays(self) -> dict[str, Any]:
        """What else goes into the file of the model."""
        kept = {f"opening_{name}_idf": side.idf_ for name, side in self.vectorizers.items()}
        kept |= Linear.of(self.model).to_arrays("opening_model")
        if self.neighbours is not None:
            kept["opening_neighbours"] = self.neighbours.vectors
            kept["opening_neighbour_targets"] = self.neighbours.targets
        return kept

    @classmethod
    def restored(cls, terms: dict[str, list[str]], arrays: dict[str, Any]) -> Self:
        """What ``terms`` and ``arrays`` wrote."""
        vectorizers = {
            name: restore_vectorizer(name, words, arrays[f"opening_{name}_idf"])
            for name, words in terms.items()
        }
        neighbours = None
        if "opening_neighbours" in arrays:
            neighbours = Neighbourhood(arrays["opening_neighbours"], arrays["opening_neighbour_targets"])
        return cls(vectorizers, Linear.from_arrays("opening_model", arrays), neighbours)


def out_of_fold(
    texts: Sequence[str], layers: Any, targets: npt.NDArray[np.int_], folds: npt.NDArray[np.int_], seed: int
) -> dict[str, Floats]:
    """Scores of the members for every row, by models that did not see it; the n-grams' vocabulary is that of all rows."""
    classes = int(targets.max()) + 1
    grams = _matrix(build_vectorizers(texts), texts)
    names = (NGRAM,) if layers is None else (NGRAM, NEIGHBOURS)
    scores = {name: np.empty((len(targets), classes)) for name in names}
    for fold in range(int(folds.max()) + 1):
        train, held = folds != fold, folds == fold
        model = fit_ngram(grams[train], targets[train], seed)
        scores[NGRAM][held] = linear_scores(model, grams[held], classes)
        known = _neighbours(None if layers is None else layers[train], targets[train], seed)
        if known is not None:
            scores[NEIGHBOURS][held] = known.asked(blended(layers[held]), classes)[0]
    return scores


def _neighbours(layers: Any, targets: npt.NDArray[np.int_], seed: int) -> Neighbourhood | None:
    return None if layers is None else Neighbourhood.of(blended(layers), targets, seed)


def _matrix(vectorizers: dict[str, Any], texts: Sequence[str]) -> Any:
    from scipy.sparse import hstack

    return hstack([side.transform(texts) for side in vectorizers.values()], format="csr")
