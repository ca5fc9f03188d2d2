"""Ranking a catalogue of answers (macros, articles) for a question: by title, by title with text, and by shared words.

The weights are those that cross-validation over the questions of a public FAQ chose (docs/models.md, "Retrieval").
Ranking only compares within one question; whether the best is near enough is said by the cosine alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats
from ml.retrieval.ranking import mixed, tfidf_scores

TITLE_WEIGHT = 1.0
WHOLE_WEIGHT = 0.2
WORDS_WEIGHT = 0.2


@dataclass(frozen=True)
class Entry:
    """A title and the text below it."""

    title: str
    text: str

    @property
    def whole(self) -> str:
        """Both as one text."""
        return f"{self.title}\n{self.text}".strip()


@dataclass(frozen=True)
class Catalogue:
    """Entries with the unit vectors of their titles and of their whole texts, row by row."""

    entries: Sequence[Entry]
    titles: npt.NDArray[np.float32]
    wholes: npt.NDArray[np.float32]

    def parts(self, questions: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[Floats]:
        """The three scores that are mixed, ``(questions, entries)`` each: title, whole, words."""
        return [
            (vectors @ self.titles.T).astype(float),
            (vectors @ self.wholes.T).astype(float),
            tfidf_scores(questions, [entry.whole for entry in self.entries]),
        ]

    def scores(
        self,
        questions: Sequence[str],
        vectors: npt.NDArray[np.float32],
        weights: Sequence[float] = (TITLE_WEIGHT, WHOLE_WEIGHT, WORDS_WEIGHT),
    ) -> Floats:
        """The mixed score of every entry for every question; ``vectors`` are those of the questions."""
        return mixed(self.parts(questions, vectors), weights)

    def cosines(self, vectors: npt.NDArray[np.float32]) -> Floats:
        """The cosine of title or whole text, whichever is nearer: ``(questions, entries)``."""
        nearest: Floats = np.maximum(vectors @ self.titles.T, vectors @ self.wholes.T).astype(float)
        return nearest
