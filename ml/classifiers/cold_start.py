"""Classifying without any history: similarity of a text to the descriptions of the classes.

The descriptions are what a lead typed for each team and category; a few example texts sharpen them. The softmax
temperature was chosen on public intent sets with the bare intent names as descriptions (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ml.classifiers.prediction import TextEncoder, TextPrediction, best_classes
from ml.metrics import log_softmax

TEMPERATURE = 0.055
MIN_PROBABILITY = 0.40
MIN_SIMILARITY = 0.20


class ColdStartClassifier:
    """Nearest class description by cosine; the probability is a softmax over the similarities."""

    def __init__(
        self,
        encoder: TextEncoder,
        descriptions: Mapping[str, str],
        examples: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``descriptions`` is label -> text (at least one label); ``examples`` are optional texts of some labels."""
        if not descriptions:
            raise ValueError("a cold start needs at least one described class")
        self.labels = sorted(descriptions)
        self._encoder = encoder
        given = examples or {}
        prototypes = [
            encoder.encode([descriptions[label] or label, *given.get(label, ())]).mean(axis=0)
            for label in self.labels
        ]
        stacked = np.stack(prototypes)
        self._prototypes = stacked / np.linalg.norm(stacked, axis=1, keepdims=True).clip(min=1e-9)

    def similarities(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Cosine of every text to every class: ``(len(texts), len(labels))``."""
        result: npt.NDArray[np.float32] = self._encoder.encode(texts) @ self._prototypes.T
        return result

    def predict(self, texts: Sequence[str]) -> list[TextPrediction]:
        """One prediction per text; abstains when no description is near or two are equally near."""
        similarities = self.similarities(texts)
        if not len(similarities):
            return []
        probabilities = np.exp(log_softmax(similarities.astype(float) / TEMPERATURE))
        return [self._prediction(row, near) for row, near in zip(probabilities, similarities, strict=True)]

    def _prediction(self, row: npt.NDArray[np.float64], near: npt.NDArray[np.float32]) -> TextPrediction:
        alternatives = best_classes(row, self.labels)
        similarity = float(near.max())
        because = (
            "unfamiliar" if similarity < MIN_SIMILARITY else "unsure" if row.max() < MIN_PROBABILITY else ""
        )
        return TextPrediction(
            label=alternatives[0][0],
            probability=alternatives[0][1],
            alternatives=alternatives,
            abstained=bool(because),
            because=because,
            similarity=similarity,
            least=MIN_PROBABILITY,
        )
