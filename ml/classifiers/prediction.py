"""What a text classifier says about one text, and what it needs of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

ALTERNATIVES = 3


@dataclass(frozen=True)
class Reason:
    """A term of the text and its signed weight for the predicted class against the average class."""

    term: str
    weight: float


@dataclass(frozen=True)
class TextPrediction:
    """The most likely class, its calibrated probability (0..1), the best three classes and why.

    ``abstained`` says that a person should decide; ``because`` is then ``"unsure"`` (probability below the threshold)
    or ``"unfamiliar"`` (unlike everything seen). ``similarity`` is the mean cosine to the nearest known texts,
    ``familiarity`` what decides about "unfamiliar" (about 0 for a usual text, lower for strangers); None without an encoder.
    ``least`` is the probability below which it is unsure; None where no such bar is known.
    """

    label: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]
    reasons: tuple[Reason, ...] = ()
    abstained: bool = False
    because: str = ""
    similarity: float | None = None
    familiarity: float | None = None
    least: float | None = None


class TextEncoder(Protocol):
    """The part of an encoder that classifiers use."""

    @property
    def digest(self) -> str:
        """Fingerprint of the weights; a classifier only works with the encoder it was trained on."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(len(texts), dimension)``; near means alike in meaning."""
        ...

    def encode_layers(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Two vectors side by side that keep more of the wording, ``(len(texts), 2 * dimension)``; for classifiers."""
        ...


def best_classes(row: npt.NDArray[np.float64], labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The ``ALTERNATIVES`` most likely labels with their probabilities, best first; ties in label order."""
    order = np.argsort(-row, kind="stable")[:ALTERNATIVES]
    return tuple((labels[column], float(row[column])) for column in order)
