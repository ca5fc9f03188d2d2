"""The training texts themselves as evidence: how near the nearest are, and which classes they speak for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats

Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int_]

KEPT_VECTORS = 20_000
NEIGHBOURS = 5
SHARPNESS = 30.0  # a text at cosine 0.9 has a twentieth of the say of an equal one
FLOOR = 1e-9  # say of a class without any text nearby
BLOCK = 512


def blended(layers: Vectors) -> Vectors:
    """The two halves of ``TextEncoder.encode_layers`` added up, of unit length: as good to compare as both side by side."""
    half = layers.shape[1] // 2
    added = layers[:, :half] + layers[:, half:]
    vectors: Vectors = added / np.linalg.norm(added, axis=1, keepdims=True).clip(min=1e-9)
    return vectors


@dataclass(frozen=True)
class Neighbourhood:
    """A sample of the training vectors, kept as float16 ``(n, dimension)``, and the classes (column numbers) of their texts."""

    vectors: npt.NDArray[np.float16]
    targets: npt.NDArray[np.int32]

    @cached_property
    def _kept(self) -> Vectors:
        return self.vectors.astype(np.float32)  # numpy has no float16 product worth the name

    @cached_property
    def _members(self) -> npt.NDArray[np.float32]:
        """One column per class, 1 where the text belongs to it."""
        columns = np.zeros((len(self.targets), int(self.targets.max(initial=-1)) + 1), dtype=np.float32)
        columns[np.arange(len(self.targets)), self.targets] = 1
        return columns

    @classmethod
    def of(cls, vectors: Vectors, targets: Codes, seed: int) -> Self:
        """Keep all vectors, or a seeded sample of 20,000."""
        if len(vectors) > KEPT_VECTORS:
            rows = np.sort(np.random.default_rng(seed).choice(len(vectors), KEPT_VECTORS, replace=False))
            vectors, targets = vectors[rows], targets[rows]
        return cls(vectors.astype(np.float16), targets.astype(np.int32))

    def asked(self, queries: Vectors, classes: int) -> tuple[Floats, Floats]:
        """``(votes, similarity)`` per query: log of the summed ``exp(30 * (cosine - 1))`` per class, ``(n, classes)``, and the
        mean cosine to the five nearest, ``(n,)``; -1 when there are none."""
        votes = np.full((len(queries), classes), np.log(FLOOR))
        similarity = np.full(len(queries), -1.0)
        count = min(NEIGHBOURS, len(self._kept))
        if count < 1:
            return votes, similarity
        present = self._members.shape[1]
        for start in range(0, len(queries), BLOCK):
            rows = slice(start, start + BLOCK)
            cosines = queries[rows] @ self._kept.T
            similarity[rows] = np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1)
            said = np.exp(SHARPNESS * (cosines - 1)) @ self._members
            votes[rows, :present] = np.log(said.astype(float) + FLOOR)
        return votes, similarity
