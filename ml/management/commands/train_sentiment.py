"""``manage.py train_sentiment``: train the shipped sentiment adapter and measure it on held-out rows."""

from __future__ import annotations

import json
import random
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from ml.metrics import classification_figures, fit_temperature, log_softmax
from ml.sentiment.datasets import (
    LABELS,
    LabelledText,
    expand_opinions,
    read_corpus,
    read_goemotions,
    split_by_group,
    with_greetings,
)
from ml.sentiment.scorer import ADAPTER_FOLDER
from ml.sentiment.training import AdapterTrainer, TrainingPlan, shuffled

PER_CLASS = 7_000
OPINIONS = 6_000
CORPUS_REPEATS = 5


class Command(BaseCommand):
    """Trains jointly on grouped GoEmotions, our opinion phrases and our own support messages."""

    help = "Train the sentiment adapter (about 12 minutes on one core) and write it with its measurements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--goemotions", nargs="+", type=Path, required=True, help="grouped GoEmotions TSV files"
        )
        parser.add_argument("--output", type=Path, default=ADAPTER_FOLDER, help="folder for the adapter")
        parser.add_argument("--epochs", type=int, default=2)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--limit", type=int, default=0, help="train on this many rows only (a quick trial)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [str(path) for path in options["goemotions"] if not path.is_file()]
        if missing:
            raise CommandError(f"no such file: {', '.join(missing)}")
        plan = TrainingPlan(epochs=options["epochs"], seed=options["seed"])
        emotions = split_by_group(read_goemotions(options["goemotions"]), validation=0.05, test=0.1)
        corpus = split_by_group(read_corpus())
        epochs = [
            self._training_rows(emotions[0], corpus[0], plan.seed + number)[: options["limit"] or None]
            for number in range(plan.epochs)
        ]
        self._log(f"training on {len(epochs[0])} rows per epoch, {plan.epochs} epochs")
        started = time.process_time()
        trainer = AdapterTrainer(plan)
        seconds = trainer.train(epochs, self._log)
        temperature = self._temperature(trainer, emotions[1], corpus[1])
        measured = {
            "corpus_held_out": self._measure(trainer, corpus[2], temperature),
            "goemotions_held_out": self._measure(trainer, emotions[2], temperature),
        }
        card = {
            "base": trainer.source.digest,
            "labels": list(LABELS),
            "temperature": temperature,
            "epochs": plan.epochs,
            "seed": plan.seed,
            "rows_per_epoch": len(epochs[0]),
            "learning_rate": plan.learning_rate,
            "train_seconds": round(seconds, 1),
            "cpu_seconds": round(time.process_time() - started, 1),
            "measured": measured,
        }
        trainer.save(options["output"], card)
        self.stdout.write(json.dumps(card))

    def _log(self, line: str) -> None:
        self.stderr.write(line)

    def _training_rows(
        self, emotions: Sequence[LabelledText], corpus: Sequence[LabelledText], seed: int
    ) -> list[LabelledText]:
        """Balanced GoEmotions, opinion phrases, and our messages several times, some with a greeting or closing."""
        rows: list[LabelledText] = []
        for label in LABELS:
            rows += [row for row in shuffled(emotions, seed) if row.label == label][:PER_CLASS]
        rows += expand_opinions(OPINIONS, seed)
        draw = random.Random(seed)  # noqa: S311 - order of rows, no secret
        for _ in range(CORPUS_REPEATS):
            rows += with_greetings(corpus, draw)
        return list(shuffled(rows, seed))

    def _temperature(
        self, trainer: AdapterTrainer, emotions: Sequence[LabelledText], corpus: Sequence[LabelledText]
    ) -> float:
        """One temperature on the validation rows; both sources weigh the same in the loss."""
        rows = [*emotions, *corpus]
        targets = np.array([LABELS.index(row.label) for row in rows])
        weights = np.array([1 / len(emotions)] * len(emotions) + [1 / len(corpus)] * len(corpus))
        return fit_temperature(
            trainer.predict_logits([row.text for row in rows]).astype(float), targets, weights
        )

    def _measure(
        self, trainer: AdapterTrainer, rows: Sequence[LabelledText], temperature: float
    ) -> dict[str, Any]:
        logits = trainer.predict_logits([row.text for row in rows]).astype(float)
        probabilities = np.exp(log_softmax(logits / temperature))
        predicted = [LABELS[column] for column in probabilities.argmax(1)]
        figures = classification_figures([row.label for row in rows], predicted, probabilities.max(1))
        return {"rows": len(rows), **figures}
