"""Sentence vectors: mean-pooled, L2-normalised transformer states (Reimers & Gurevych 2019, sentence-transformers).

``encode`` gives the last layer, for meaning; ``encode_layers`` adds the middle layer, which keeps more of the wording and
makes better classifiers (docs/models.md).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt

from ml.encoders.runtime import prepare_torch
from ml.encoders.states import load_states
from ml.encoders.weights import ModelSource, resolve_source

Vectors = npt.NDArray[np.float32]

MAX_CHARACTERS = 8_000  # 256 word pieces never need more; keeps the tokenizer off megabyte pastes
CACHED_VECTORS = 4_096
MIDDLE_WEIGHT = 0.7


class SentenceEncoder:
    """A transformer that turns texts into unit vectors; thread-safe; keeps the newest vectors by content hash."""

    def __init__(self, source: ModelSource) -> None:
        self.source = source
        self._states = load_states(source)
        self.dimension: int = self._states.width
        self._cache: OrderedDict[bytes, Vectors] = OrderedDict()
        self._room = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the model, for registry rows and logs."""
        return self.source.name

    @property
    def digest(self) -> str:
        """SHA-256 of the weights (or the hub id): vectors of different digests must never be mixed."""
        return self.source.digest

    @property
    def steady(self) -> bool:
        """Whether a text has the same vector, to the bit, whatever texts are encoded beside it."""
        return self._states.steady

    def forget(self) -> None:
        """Empty the cache: what comes next does not depend on which texts were encoded together before."""
        with self._lock:
            self._cache.clear()

    @contextmanager
    def room_for(self, texts: int) -> Iterator[None]:
        """Keep the vectors of so many texts more than usual for a while."""
        self._room += texts
        try:
            yield
        finally:
            self._room -= texts
            with self._lock:
                self._remember({})

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape ``(len(texts), dimension)``; an empty text gives the vector of "".

        Texts are cut at 256 word pieces. The same text always gives the same row, beside whatever other texts; of an encoder
        that is not ``steady``, up to its low bits (cosine 0.9999).
        """
        return self._layers(texts)[:, 0]

    def encode_layers(self, texts: Sequence[str]) -> Vectors:
        """Last layer beside 0.7 * middle layer, each of unit length before: ``(len(texts), 2 * dimension)``; cuts as above."""
        layers = self._layers(texts)
        return np.hstack([layers[:, 0], MIDDLE_WEIGHT * layers[:, 1]])

    def _layers(self, texts: Sequence[str]) -> Vectors:
        """Last and middle layer, pooled and of unit length: ``(len(texts), 2, dimension)``, from the cache where known."""
        if not texts:
            return np.zeros((0, 2, self.dimension), dtype=np.float32)
        keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        with self._lock:
            known = {key: self._cache[key] for key in keys if key in self._cache}
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                fresh = dict(zip(missing, self._compute(list(missing.values())), strict=True))
                known.update(fresh)
                self._remember(fresh)
        return np.stack([known[key] for key in keys])

    def _remember(self, fresh: dict[bytes, Vectors]) -> None:
        self._cache.update(fresh)
        while len(self._cache) > CACHED_VECTORS + self._room:
            self._cache.popitem(last=False)

    def _compute(self, texts: list[str]) -> Vectors:
        normalize = prepare_torch().nn.functional.normalize
        vectors = np.empty((len(texts), 2, self.dimension), dtype=np.float32)
        layers = (self._states.depth, self._states.depth // 2)
        for positions, found in self._states.states([text[:MAX_CHARACTERS] for text in texts], layers):
            for place, states in enumerate(found):
                vectors[positions, place] = normalize(states.float().mean(1), dim=1).numpy()
        return vectors


@cache
def _load_encoder(configured: str) -> SentenceEncoder:
    return SentenceEncoder(resolve_source(configured))


def sentence_encoder() -> SentenceEncoder:
    """The encoder of the setting ``ENCODER_MODEL`` (empty: packaged MiniLM), loaded once per process.

    Raises ``ModelUnavailable`` when the package, folder or hub model is missing and ``WeightsMismatch`` when the
    packaged weights were changed.
    """
    from django.conf import settings

    return _load_encoder(str(getattr(settings, "ENCODER_MODEL", "") or ""))
