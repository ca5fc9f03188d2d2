"""How near a text is to what a classifier was trained on, by cosine in the encoder's space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

KEPT_VECTORS = 20_000
NEIGHBOURS = 5
USUAL_SHARE = 0.02  # this share of known texts would itself be called unfamiliar
# Training texts of one mould lie so near each other that their own quantile would call every new wording unfamiliar.
# On clinc150, 0.40 flags 68-78 % of out-of-scope texts and 1-2 % of the others (docs/ml/measurements.md).
HIGHEST_MINIMUM = 0.40
BLOCK = 512


@dataclass(frozen=True)
class Neighbourhood:
    """A sample of the training vectors, kept as float16 ``(n, dimension)``."""

    vectors: npt.NDArray[np.float16]

    @cached_property
    def _kept(self) -> npt.NDArray[np.float32]:
        return self.vectors.astype(np.float32)  # numpy has no float16 product worth the name

    @classmethod
    def of(cls, vectors: npt.NDArray[np.float32], seed: int) -> Self:
        """Keep all vectors, or a seeded sample of 20,000."""
        if len(vectors) > KEPT_VECTORS:
            rows = np.sort(np.random.default_rng(seed).choice(len(vectors), KEPT_VECTORS, replace=False))
            vectors = vectors[rows]
        return cls(vectors.astype(np.float16))

    def similarity(
        self, queries: npt.NDArray[np.float32], leave_out_self: bool = False
    ) -> npt.NDArray[np.float32]:
        """Mean cosine to the five nearest kept vectors per query: ``(len(queries),)``, -1 when there are none.

        ``leave_out_self``: the queries are the kept vectors themselves, row by row.
        """
        kept = self._kept
        count = min(NEIGHBOURS, len(kept) - int(leave_out_self))
        result = np.full(len(queries), -1.0, dtype=np.float32)
        if count < 1:
            return result
        for start in range(0, len(queries), BLOCK):
            cosines = queries[start : start + BLOCK] @ kept.T
            if leave_out_self:
                rows = np.arange(len(cosines))
                cosines[rows, start + rows] = -1.0
            result[start : start + BLOCK] = np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1)
        return result

    def usual_minimum(self) -> float:
        """The similarity that 98 % of the kept texts reach towards the others, at most 0.40: below it a text is unfamiliar."""
        own = self.similarity(self._kept, leave_out_self=True)
        return min(HIGHEST_MINIMUM, float(np.quantile(own, USUAL_SHARE)))
