"""Token states of texts: by our own pass for BERT encoders in a folder, by transformers for every other model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ml.encoders.bert import BertStates, Change
from ml.encoders.runtime import load_transformer, prepare_torch
from ml.encoders.weights import ModelSource

MAX_TOKENS = 256
TOKENS_PER_BATCH = 1_024
TEXTS_PER_BATCH = 32


class TokenStates(Protocol):
    """An encoder in memory. ``steady``: a text has the same states, to the bit, beside whatever other texts."""

    width: int
    depth: int
    steady: bool

    def states(self, texts: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[list[int], list[Any]]]:
        """Positions of texts of one length, and their unpadded states ``(texts, tokens, width)`` after each of ``layers``."""
        ...


def load_states(source: ModelSource, change: Change | None = None) -> TokenStates:
    """Load an encoder, cut at 256 word pieces; ``change`` (of an adapter) needs a BERT encoder in a folder.

    Raises ``ModelUnavailable`` when it cannot be loaded.
    """
    own = BertStates.of(Path(source.location), MAX_TOKENS, change) if source.local_only else None
    if own is None and change:
        raise ValueError(f"{source.name} takes no adapter")
    return own or _TransformersStates(source)


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


class _TransformersStates:
    """Any encoder that transformers can load, in padded batches of similar lengths: low bits depend on the batch."""

    steady = False

    def __init__(self, source: ModelSource) -> None:
        # Plain attention: torch's fused one takes half of the time on texts of a few dozen tokens.
        self._tokenizer, self._model = load_transformer(source, attention="eager")
        self.width = int(self._model.config.hidden_size)
        self.depth = int(self._model.config.num_hidden_layers)
        limit = int(getattr(self._model.config, "max_position_embeddings", MAX_TOKENS))
        self._max_tokens = min(MAX_TOKENS, limit)

    def states(self, texts: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[list[int], list[Any]]]:
        """See ``TokenStates``."""
        torch = prepare_torch()
        tokens = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens)
        lengths = [len(ids) for ids in tokens["input_ids"]]
        for batch in length_sorted_batches(lengths):
            rows = {key: [values[i] for i in batch] for key, values in tokens.items()}
            inputs = self._tokenizer.pad(rows, return_tensors="pt", padding_side="right")
            with torch.inference_mode():
                found = self._model(**inputs, output_hidden_states=True).hidden_states
            for place, position in enumerate(batch):
                one, used = slice(place, place + 1), lengths[position]
                yield [position], [found[layer][one, :used] for layer in layers]
