"""Scoring of messages: ``score_sentiment`` over our adapter, or over any sequence classifier named by a setting.

Loaded once per process, in worker and command processes only. ``SENTIMENT_MODEL`` empty means the shipped adapter on
the hash-checked MiniLM; otherwise a folder or Hugging Face id of a sequence classifier whose labels say negative,
neutral or positive in some common spelling (``SENTIMENT_LABELS`` maps the unusual ones).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ml.encoders.runtime import load_transformer, prepare_torch
from ml.encoders.sentence import MAX_CHARACTERS, length_sorted_batches, mean_pool
from ml.encoders.weights import ModelUnavailable, packaged_minilm, resolve_source, sha256_of
from ml.metrics import log_softmax
from ml.sentiment import lora
from ml.sentiment.datasets import LABELS
from ml.sentiment.signs import spell_signs

ADAPTER_FOLDER = Path(__file__).parent / "adapter"
MAX_TOKENS = 256

_SPELLINGS = {
    "negative": ("negative", "neg", "bad", "unhappy", "1 star", "2 stars"),
    "neutral": ("neutral", "neu", "mixed", "3 stars"),
    "positive": ("positive", "pos", "good", "happy", "4 stars", "5 stars"),
}


@dataclass(frozen=True)
class Sentiment:
    """One message's sentiment: ``label`` with its ``probability`` (0..1), ``score`` -1..1 and all probabilities.

    ``score`` is P(positive) - P(negative).
    """

    label: str
    probability: float
    score: float
    probabilities: dict[str, float]


class SentimentModel(Protocol):
    """What a scorer needs of a model; ``version`` goes on every stored prediction."""

    version: str

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """P(negative), P(neutral), P(positive) per text: ``(len(texts), 3)``."""
        ...


class AdapterModel:
    """MiniLM with our merged adapter and a linear head on the mean-pooled states."""

    def __init__(self, folder: Path = ADAPTER_FOLDER) -> None:
        weights, card = folder / "adapter.safetensors", folder / "adapter.json"
        if not weights.is_file() or not card.is_file():
            raise ModelUnavailable(
                f"The sentiment adapter is missing from {folder}; run manage.py train_sentiment."
            )
        settings = json.loads(card.read_text(encoding="utf-8"))
        source = packaged_minilm()
        if settings["base"] != source.digest or tuple(settings["labels"]) != LABELS:
            raise ModelUnavailable("The sentiment adapter was trained for another encoder; train it again.")
        torch = prepare_torch()
        self._tokenizer, self._encoder = load_transformer(source)
        tensors = lora.load(weights)
        lora.merge(self._encoder, tensors)
        self._head = torch.nn.Linear(self._encoder.config.hidden_size, len(LABELS))
        self._head.load_state_dict(
            {"weight": tensors["head.weight"].float(), "bias": tensors["head.bias"].float()}
        )
        self._temperature = float(settings["temperature"])
        self.weights = weights
        self.version = f"minilm-adapter/{sha256_of(weights)[:12]}"

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mean-pooled states of the adapted encoder, float32 ``(len(texts), 384)``; the head is linear in them."""
        torch = prepare_torch()
        pooled = np.zeros((len(texts), self._encoder.config.hidden_size), dtype=np.float32)
        if not texts:
            return pooled
        cut = [spell_signs(text[:MAX_CHARACTERS]) for text in texts]
        tokens = self._tokenizer(cut, truncation=True, max_length=MAX_TOKENS)
        with torch.inference_mode():
            for batch in length_sorted_batches([len(ids) for ids in tokens["input_ids"]]):
                rows = {key: [values[i] for i in batch] for key, values in tokens.items()}
                inputs = self._tokenizer.pad(rows, return_tensors="pt")
                pooled[batch] = mean_pool(
                    self._encoder(**inputs).last_hidden_state, inputs["attention_mask"]
                ).numpy()
        return pooled

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Calibrated class probabilities ``(len(texts), 3)``."""
        torch = prepare_torch()
        with torch.inference_mode():
            logits = self._head(torch.from_numpy(self.features(texts))).numpy().astype(float)
        return np.exp(log_softmax(logits / self._temperature)) if len(texts) else logits


class HuggingFaceModel:
    """Any sequence classifier; several labels of one polarity (star ratings) are added up."""

    def __init__(self, configured: str, names: dict[str, str] | None = None) -> None:
        source = resolve_source(configured)
        self._tokenizer, self._model = load_transformer(
            source, auto_class="AutoModelForSequenceClassification"
        )
        self._columns = label_columns(dict(self._model.config.id2label), names or {})
        limit = int(getattr(self._model.config, "max_position_embeddings", MAX_TOKENS))
        self._max_tokens = min(MAX_TOKENS, limit - 2)
        self.version = f"{source.name}/{source.digest[:12]}"

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Class probabilities ``(len(texts), 3)``; a polarity that the model does not know stays 0."""
        torch = prepare_torch()
        result = np.zeros((len(texts), len(LABELS)))
        if not texts:
            return result
        cut = [text[:MAX_CHARACTERS] for text in texts]
        tokens = self._tokenizer(cut, truncation=True, max_length=self._max_tokens)
        with torch.inference_mode():
            for batch in length_sorted_batches([len(ids) for ids in tokens["input_ids"]]):
                rows = {key: [values[i] for i in batch] for key, values in tokens.items()}
                logits = self._model(**self._tokenizer.pad(rows, return_tensors="pt")).logits
                shares = torch.softmax(logits.float(), dim=1).numpy()
                for column, polarity in self._columns.items():
                    result[batch, polarity] += shares[:, column]
        return result


def label_columns(names_by_column: dict[int, str], overrides: dict[str, str]) -> dict[int, int]:
    """Map a classifier's columns to positions in ``LABELS``; raises ``ModelUnavailable`` naming an unknown label.

    Unnamed labels (``LABEL_0`` ...) are read as 0 negative, 1 positive or 0 negative, 1 neutral, 2 positive.
    """
    unnamed = [f"LABEL_{column}" for column in sorted(names_by_column)]
    if not overrides and [names_by_column[column] for column in sorted(names_by_column)] == unnamed:
        order = {2: (0, 2), 3: (0, 1, 2)}.get(len(unnamed))
        if order:
            return dict(enumerate(order))
    columns = {}
    for column, name in names_by_column.items():
        plain = overrides.get(name, re.sub(r"[^a-z0-9]+", " ", name.lower()).strip())
        found = [place for place, label in enumerate(LABELS) if plain in _SPELLINGS[label]]
        if not found:
            raise ModelUnavailable(
                f"The label {name!r} of the sentiment model is unknown; map it in SENTIMENT_LABELS."
            )
        columns[int(column)] = found[0]
    return columns


@cache
def _load_model(configured: str, names: tuple[tuple[str, str], ...]) -> Any:
    return HuggingFaceModel(configured, dict(names)) if configured else AdapterModel()


def sentiment_model() -> SentimentModel:
    """The configured model, loaded once per process; raises ``ModelUnavailable`` when it cannot be loaded."""
    from django.conf import settings

    names = getattr(settings, "SENTIMENT_LABELS", {}) or {}
    model: SentimentModel = _load_model(
        str(getattr(settings, "SENTIMENT_MODEL", "") or ""), tuple(sorted(names.items()))
    )
    return model


def score_sentiment(texts: Sequence[str]) -> list[Sentiment]:
    """Sentiment of every text in order; blank texts are neutral with score 0 and probability 1."""
    filled = [position for position, text in enumerate(texts) if text.strip()]
    rows = (
        sentiment_model().probabilities([texts[position] for position in filled])
        if filled
        else np.zeros((0, 3))
    )
    blank = np.array([0.0, 1.0, 0.0])
    by_position = dict(zip(filled, rows, strict=True))
    return [_sentiment(by_position.get(position, blank)) for position in range(len(texts))]


def _sentiment(row: npt.NDArray[np.float64]) -> Sentiment:
    column = int(row.argmax())
    return Sentiment(
        label=LABELS[column],
        probability=float(row[column]),
        score=float(row[2] - row[0]),
        probabilities={label: float(value) for label, value in zip(LABELS, row, strict=True)},
    )
