"""``manage.py evaluate_sentiment``: measure the sentiment model on our held-out messages or on any labelled CSV file.

With a file the model may be adapted to another one first; without, every answer that the model gives is measured.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from ml.corpus.messages import read_messages
from ml.corpus.splits import split_by_group
from ml.encoders import ModelUnavailable
from ml.evaluation.csv_tables import labelled_texts
from ml.evaluation.reports import print_figures
from ml.evaluation.text_models import Answers, majority, timed
from ml.metrics import Floats
from ml.sentiment.adapting import adapted_model
from ml.sentiment.datasets import LABELS, read_corpus
from ml.sentiment.measuring import (
    TEST,
    VALIDATION,
    corpus_figures,
    corpus_lines,
    foreign_figures,
    robustness_figures,
)
from ml.sentiment.scorer import SentimentModel, sentiment_model

# Spellings of a sentiment in other people's files.
_NAMES = {
    "negative": ("negative", "neg", "-1", "bad", "n"),
    "neutral": ("neutral", "neu", "mixed", "none"),
    "positive": ("positive", "pos", "good", "p"),
}
_BINARY = {"0": "negative", "1": "positive"}
_TERNARY = {"0": "negative", "1": "neutral", "2": "positive"}
_SIGNED = {"-1": "negative", "0": "neutral", "1": "positive"}


class Command(BaseCommand):
    """With two classes in the test file the neutral class is left out of the decision."""

    help = (
        "Measure the sentiment model: without --test on the held-out part of our own corpus, with all its answers; "
        "with --test on that file (adapted to --train if given), beside the majority class."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--train", type=Path, metavar="F.csv", help="adapt the head to these rows first")
        parser.add_argument("--test", type=Path, metavar="F.csv")
        parser.add_argument("--text", default="text", metavar="COL", help="column with the text")
        parser.add_argument("--label", default="label", metavar="COL", help="column with the sentiment")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["test"] is None:
            if options["train"]:
                raise CommandError(
                    "--train needs --test: our own held-out messages measure the shipped model"
                )
            self._measure_corpus(as_json=options["json"])
            return
        texts, raw = labelled_texts(options["test"], options["text"], options["label"])
        train_texts: list[str] = []
        train_raw: list[str] = []
        if options["train"]:
            train_texts, train_raw = labelled_texts(options["train"], options["text"], options["label"])
        names = _label_names({*raw, *train_raw}, options["label"])
        truth, train_labels = [names[value] for value in raw], [names[value] for value in train_raw]
        classes = LABELS if "neutral" in names.values() else ("negative", "positive")
        model = _loaded()
        seconds = 0.0
        if train_texts:
            self.stderr.write(f"adapting to {len(train_texts)} rows")
            started = time.perf_counter()
            model = adapted_model(model, train_texts, train_labels)
            seconds = time.perf_counter() - started
        self.stderr.write(f"measuring {len(texts)} rows with {model.version}")
        figures = timed(lambda: _decide(model, texts, classes), truth, seconds)
        figures["rows"] = {"train": len(train_texts), "test": len(texts)}
        figures["baseline"] = _baseline(train_labels, truth)
        print_figures(self.stdout, figures, options["json"])

    def _measure_corpus(self, *, as_json: bool) -> None:
        model = _loaded()
        held_out = split_by_group(read_corpus(), VALIDATION, TEST)[2]
        figures = corpus_figures(model, held_out, read_messages())
        figures["other languages"] = foreign_figures(model)
        figures["robustness"] = robustness_figures(model, held_out)
        for line in corpus_lines(figures):
            self.stdout.write(line)
        if as_json:
            self.stdout.write(json.dumps(figures))


def _loaded() -> SentimentModel:
    try:
        return sentiment_model()
    except ModelUnavailable as error:
        raise CommandError(str(error)) from error


def _decide(model: SentimentModel, texts: list[str], classes: tuple[str, ...]) -> Answers:
    """The most likely of the allowed classes, with probabilities renormalised over them."""
    columns = [LABELS.index(label) for label in classes]
    kept: Floats = np.concatenate(
        [model.probabilities(texts[start : start + 512])[:, columns] for start in range(0, len(texts), 512)]
    )
    kept = kept / kept.sum(axis=1, keepdims=True).clip(min=1e-12)
    return [classes[column] for column in kept.argmax(1)], kept.max(1)


def _baseline(train_labels: list[str], truth: list[str]) -> dict[str, Any]:
    """Always the most frequent class, of the training rows if given; else of the test rows, the best constant there is."""
    label, share = majority(train_labels or truth)
    return timed(lambda: ([label] * len(truth), np.full(len(truth), share)), truth, 0.0)


def _label_names(values: set[str], column: str) -> dict[str, str]:
    """Map the spellings in a file to our labels; raises ``CommandError`` naming the value that has no meaning."""
    plain = {value: value.strip().lower().removesuffix(".0") for value in values}
    found = set(plain.values())
    codes = next((code for code in (_BINARY, _TERNARY, _SIGNED) if found <= set(code)), None)
    if codes:
        return {value: codes[name] for value, name in plain.items()}
    named = {spelling: label for label, spellings in _NAMES.items() for spelling in spellings}
    for value, name in sorted(plain.items()):
        if name not in named:
            raise CommandError(
                f'column "{column}": "{value}" is no sentiment; use negative, neutral, positive or 0 and 1'
            )
    return {value: named[name] for value, name in plain.items()}
