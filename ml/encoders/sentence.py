"""Sentence vectors: mean-pooled, L2-normalised transformer states (Reimers & Gurevych 2019, sentence-transformers).

``encode`` gives the last layer, for meaning; ``encode_layers`` adds the middle layer, which keeps more of the wording and
makes better classifiers (docs/ml/measurements.md). Both sort by length and fill small batches by token count, because
padding costs more than batching gains on a processor (measured: 2.2-2.7 times on real tickets).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.encoders.runtime import load_transformer, prepare_torch
from ml.encoders.weights import ModelSource, resolve_source

Vectors = npt.NDArray[np.float32]

MAX_TOKENS = 256
MAX_CHARACTERS = 8_000  # 256 word pieces never need more; keeps the tokenizer off megabyte pastes
TOKENS_PER_BATCH = 1_024
TEXTS_PER_BATCH = 32
CACHED_VECTORS = 4_096
MIDDLE_WEIGHT = 0.7


def length_sorted_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Split positions into batches of similar length, longest last, at most ``TOKENS_PER_BATCH`` padded tokens."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batch) + 1) * lengths[position]
        if batch and (padded > TOKENS_PER_BATCH or len(batch) == TEXTS_PER_BATCH):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def mean_pool(states: Any, mask: Any) -> Any:
    """Average token states ``(n, tokens, width)`` over the unmasked tokens, in float32: ``(n, width)``."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1).float() / weights.sum(1).float().clamp(min=1)


class SentenceEncoder:
    """A transformer that turns texts into unit vectors; thread-safe; keeps the newest vectors by content hash."""

    def __init__(self, source: ModelSource) -> None:
        self.source = source
        self._tokenizer, self._model = load_transformer(source)
        self.dimension: int = int(self._model.config.hidden_size)
        limit = int(getattr(self._model.config, "max_position_embeddings", MAX_TOKENS))
        self._max_tokens = min(MAX_TOKENS, limit)
        self._cache: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the model, for registry rows and logs."""
        return self.source.name

    @property
    def digest(self) -> str:
        """SHA-256 of the weights (or the hub id): vectors of different digests must never be mixed."""
        return self.source.digest

    def forget(self) -> None:
        """Empty the cache: what comes next does not depend on which texts were encoded together before."""
        with self._lock:
            self._cache.clear()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape ``(len(texts), dimension)``; an empty text gives the vector of "".

        Texts are cut at 256 word pieces. The same text always gives the same row up to padding effects of bf16
        (cosine 0.9999).
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
        while len(self._cache) > CACHED_VECTORS:
            self._cache.popitem(last=False)

    def _compute(self, texts: list[str]) -> Vectors:
        torch = prepare_torch()
        tokens = self._tokenizer(
            [text[:MAX_CHARACTERS] for text in texts], truncation=True, max_length=self._max_tokens
        )
        lengths = [len(ids) for ids in tokens["input_ids"]]
        vectors = np.empty((len(texts), 2, self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for batch in length_sorted_batches(lengths):
                rows = {key: [values[i] for i in batch] for key, values in tokens.items()}
                inputs = self._tokenizer.pad(rows, return_tensors="pt")
                states = self._model(**inputs, output_hidden_states=True).hidden_states
                for place, layer in enumerate((states[-1], states[len(states) // 2])):
                    pooled = mean_pool(layer, inputs["attention_mask"])
                    vectors[batch, place] = torch.nn.functional.normalize(pooled, dim=1).numpy()
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
