"""Reading of messages: ``score_messages`` over our adapter, its sentiment by any sequence classifier that a setting names.

Loaded once per process, in worker and command processes only. ``SENTIMENT_MODEL`` empty means the shipped adapter on
the hash-checked MiniLM; otherwise a folder or Hugging Face id of a sequence classifier whose labels say negative,
neutral or positive in some common spelling (``SENTIMENT_LABELS`` maps the unusual ones). The adapter gives sentiment and
all other answers in one pass; it knows English, and says nothing about other languages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ml.encoders.runtime import load_transformer, prepare_torch
from ml.encoders.sentence import MAX_CHARACTERS
from ml.encoders.states import MAX_TOKENS, length_sorted_batches, load_states
from ml.encoders.weights import ModelUnavailable, packaged_minilm, resolve_source, sha256_of
from ml.languages import guess_language
from ml.sentiment import heads, lora
from ml.sentiment.calibration import Calibration
from ml.sentiment.datasets import LABELS, TRAINED_LANGUAGES
from ml.sentiment.heads import HEADS
from ml.sentiment.signs import readable

Floats = npt.NDArray[np.float64]

log = logging.getLogger(__name__)

ADAPTER_FOLDER = Path(__file__).parent / "adapter"
UNKNOWN = np.full(len(LABELS), 1 / len(LABELS))

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


@dataclass(frozen=True)
class Reading:
    """What one message says.

    ``sentiment`` of a language that the model does not know is neutral with equal probabilities, and ``supported`` is False:
    the answer is that there is none. ``answers`` gives the calibrated probability of each of ``ml.sentiment.heads.HEADS``
    and ``true`` those over their threshold; both are empty when nothing was read.
    """

    sentiment: Sentiment
    language: str
    supported: bool
    answers: dict[str, float] = field(default_factory=dict)
    true: frozenset[str] = frozenset()

    @property
    def urgency(self) -> str:
        """ "now", "soon" or "none"."""
        return "now" if "now" in self.true else "soon" if "pressing" in self.true else "none"


class SentimentModel(Protocol):
    """What a scorer needs of a model; ``version`` goes on every stored prediction."""

    version: str

    def probabilities(self, texts: Sequence[str]) -> Floats:
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
        if tuple(settings["heads"]) != HEADS:
            raise ModelUnavailable("The sentiment adapter gives other answers; train it again.")
        tensors = lora.load(weights)
        self._encoder = load_states(source, lora.change_by(tensors))
        self._parameters = {name: tensors[name].float() for name in heads.PARAMETERS}
        self.calibration = Calibration.of(settings["calibration"])
        self.thresholds = {head: float(settings["thresholds"][head]) for head in HEADS}
        self.weights = weights
        told = json.dumps([settings["calibration"], settings["thresholds"]], sort_keys=True)
        self.version = (
            f"minilm-adapter/{hashlib.sha256((sha256_of(weights) + told).encode()).hexdigest()[:12]}"
        )

    def logits(self, texts: Sequence[str]) -> Floats:
        """Uncalibrated ``(len(texts), heads.OUTPUTS)``: the sentiments, then ``HEADS``."""
        return self._passed(texts)[0]

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mean-pooled states of the adapted encoder, float32 ``(len(texts), 384)``."""
        return self._passed(texts)[1]

    def read(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """Calibrated probabilities of the sentiments ``(len(texts), 3)`` and of ``HEADS`` ``(len(texts), 12)``."""
        return self.calibration.applied(self.logits(texts))

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities of the sentiments ``(len(texts), 3)``."""
        return self.read(texts)[0]

    def true_of(self, answers: Mapping[str, float]) -> frozenset[str]:
        """The heads whose probability reaches the threshold chosen on validation rows."""
        return frozenset(
            head for head, probability in answers.items() if probability >= self.thresholds[head]
        )

    def _passed(self, texts: Sequence[str]) -> tuple[Floats, npt.NDArray[np.float32]]:
        """One pass of the encoder: the logits, and the mean of its states."""
        torch = prepare_torch()
        logits = np.zeros((len(texts), heads.OUTPUTS))
        pooled = np.zeros((len(texts), self._encoder.width), dtype=np.float32)
        cut = [readable(text[:MAX_CHARACTERS]) for text in texts]
        for positions, [states] in self._encoder.states(cut, [self._encoder.depth]):
            with torch.inference_mode():
                logits[positions] = heads.logits(states, None, self._parameters).numpy()
                pooled[positions] = states.float().mean(1).numpy()
        return logits, pooled


class HuggingFaceModel:
    """Any sequence classifier; several labels of one polarity (star ratings) are added up."""

    def __init__(self, configured: str, names: dict[str, str] | None = None) -> None:
        source = resolve_source(configured)
        self._tokenizer, self._model = load_transformer(
            source, auto_class="AutoModelForSequenceClassification", attention="eager"
        )
        self._columns = label_columns(dict(self._model.config.id2label), names or {})
        limit = int(getattr(self._model.config, "max_position_embeddings", MAX_TOKENS))
        self._max_tokens = min(MAX_TOKENS, limit - 2)
        self.version = f"{source.name}/{source.digest[:12]}"

    def probabilities(self, texts: Sequence[str]) -> Floats:
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
def _load_adapter() -> AdapterModel:
    return AdapterModel()


@cache
def _adapter_beside() -> AdapterModel | None:
    """The adapter for what a configured model does not tell; without it there is the sentiment alone."""
    try:
        return _load_adapter()
    except ModelUnavailable as error:
        log.warning("Only the sentiment of messages is read: %s", error)
        return None


@cache
def _load_classifier(configured: str, names: tuple[tuple[str, str], ...]) -> HuggingFaceModel:
    return HuggingFaceModel(configured, dict(names))


def sentiment_model() -> SentimentModel:
    """The configured model, loaded once per process; raises ``ModelUnavailable`` when it cannot be loaded."""
    from django.conf import settings

    if not settings.SENTIMENT_MODEL:
        return _load_adapter()
    return _load_classifier(settings.SENTIMENT_MODEL, tuple(sorted(settings.SENTIMENT_LABELS.items())))


def answers_version() -> str:
    """The name of the adapter that reads what else messages say; "" without one. Loads it."""
    adapter = _adapter_beside()
    return "" if adapter is None else adapter.version


def score_messages(texts: Sequence[str]) -> list[Reading]:
    """What every text says, in order; blank texts are neutral with score 0 and probability 1 and say nothing else.

    With ``SENTIMENT_MODEL`` set, that model judges the sentiment of the languages in ``SENTIMENT_LANGUAGES`` (empty: of
    all), and our adapter still reads the other answers of English texts.
    """
    from django.conf import settings

    readings: list[Reading | None] = [None] * len(texts)
    languages = [guess_language(text) for text in texts]
    filled = [place for place, text in enumerate(texts) if text.strip()]
    # A text too short or too plain to tell is read as English.
    english = [place for place in filled if not languages[place] or languages[place] in TRAINED_LANGUAGES]
    model = sentiment_model()
    adapter = model if isinstance(model, AdapterModel) else _adapter_beside()
    mood_of: dict[int, Floats] = {}
    answers_of: dict[int, Floats] = {}
    if adapter:
        moods, answers = adapter.read([texts[place] for place in english])
        mood_of, answers_of = dict(zip(english, moods, strict=True)), dict(zip(english, answers, strict=True))
    if model is not adapter:
        known = set(settings.SENTIMENT_LANGUAGES)
        judged = [place for place in filled if not known or not languages[place] or languages[place] in known]
        mood_of = dict(zip(judged, model.probabilities([texts[place] for place in judged]), strict=True))
    for place in filled:
        said = (
            {}
            if adapter is None or place not in answers_of
            else dict(zip(HEADS, map(float, answers_of[place]), strict=True))
        )
        readings[place] = Reading(
            sentiment=_sentiment(mood_of.get(place, UNKNOWN)),
            language=languages[place],
            supported=place in mood_of,
            answers=said,
            true=frozenset() if adapter is None else adapter.true_of(said),
        )
    blank = Reading(_sentiment(np.array([0.0, 1.0, 0.0])), language="", supported=True)
    return [reading or blank for reading in readings]


def _sentiment(row: Floats) -> Sentiment:
    # Equal probabilities mean "not known", which reads as neutral.
    column = 1 if row.max() - row.min() < 1e-9 else int(row.argmax())
    return Sentiment(
        label=LABELS[column],
        probability=float(row[column]),
        score=float(row[2] - row[0]),
        probabilities={label: float(value) for label, value in zip(LABELS, row, strict=True)},
    )
