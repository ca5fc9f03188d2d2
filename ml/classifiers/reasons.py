"""Which words, and facts beside them, spoke for a class: what a linear member over n-grams says to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ml.classifiers.features import readable_terms
from ml.classifiers.prediction import Reason

REASONS = 5
TELLING_FACT = 0.05  # a fact that weighs less is no reason

Weighted = list[tuple[str, float]]


@dataclass(frozen=True)
class SpokenFor:
    """A linear member, the words of its first columns and the (name, value) facts of its last ones."""

    model: Any
    words: Sequence[str]
    facts: Sequence[tuple[str, str]] = ()

    @cached_property
    def _usual(self) -> Any:
        return self.model.coef_.mean(axis=0)

    def of(self, row: Any, column: int) -> tuple[Weighted, Weighted]:
        """Words and telling facts of a sparse row ``(1, columns)``, by weight for the class minus their mean over all classes."""
        present = row.tocoo()
        coefficients = self.model.coef_
        if len(coefficients) == 1:  # two classes share one row of weights
            contrast = coefficients[0, present.col] * (1 if column == 1 else -1)
        else:
            contrast = coefficients[column, present.col] - self._usual[present.col]
        weights = contrast * present.data
        first = row.shape[1] - len(self.facts)
        words, facts = [], []
        for place, weight in zip(present.col, weights, strict=True):
            if place < len(self.words):
                words.append((str(self.words[place]), float(weight)))
            elif place >= first and abs(weight) >= TELLING_FACT:
                facts.append((": ".join(self.facts[place - first]), float(weight)))
        return words, facts


def reasons(parts: Iterable[tuple[float, tuple[Weighted, Weighted]]]) -> tuple[Reason, ...]:
    """The five strongest of what several members say, each with its share (0..1) in the answer."""
    words: dict[str, float] = {}
    facts: Weighted = []
    for share, (said, beside) in parts:
        for term, weight in said:
            words[term] = words.get(term, 0.0) + share * weight
        facts += beside
    chosen = facts + readable_terms(sorted(words.items(), key=_strongest_first), REASONS)
    return tuple(
        Reason(term, round(weight, 4)) for term, weight in sorted(chosen, key=_strongest_first)[:REASONS]
    )


def _strongest_first(pair: tuple[str, float]) -> tuple[float, str]:
    return float(-np.abs(pair[1])), pair[0]
