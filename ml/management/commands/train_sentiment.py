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

from ml.corpus.messages import read_messages
from ml.corpus.splits import split_by_group
from ml.metrics import fit_temperature
from ml.sentiment.calibration import MOODS, Calibration, best_threshold, fit_platt
from ml.sentiment.datasets import (
    LABELS,
    LabelledText,
    as_people_write,
    expand_opinions,
    read_corpus,
    read_goemotions,
)
from ml.sentiment.heads import HEADS
from ml.sentiment.measuring import TEST, VALIDATION, corpus_figures, foreign_figures, mood_figures
from ml.sentiment.scorer import ADAPTER_FOLDER, AdapterModel
from ml.sentiment.training import AdapterTrainer, TrainingPlan, shuffled, write_card

PER_CLASS = 4_500
OPINIONS = 3_000
CORPUS_REPEATS = 3


class Command(BaseCommand):
    """Trains jointly on grouped GoEmotions, our opinion phrases and our own support messages, which answer all heads."""

    help = "Train the sentiment adapter (8 minutes of a core with bfloat16, 26 without) and write it with its measurements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--goemotions", nargs="+", type=Path, required=True, help="grouped GoEmotions TSV files"
        )
        parser.add_argument("--output", type=Path, default=ADAPTER_FOLDER, help="folder for the adapter")
        parser.add_argument("--epochs", type=int, default=2)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--limit",
            type=int,
            default=0,
            help="train on this many rows per epoch, measure on about as many of ours (a quick trial)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [str(path) for path in options["goemotions"] if not path.is_file()]
        if missing:
            raise CommandError(f"no such file: {', '.join(missing)}")
        plan = TrainingPlan(epochs=options["epochs"], seed=options["seed"])
        emotions = split_by_group(read_goemotions(options["goemotions"]), validation=0.05, test=0.1)
        train, validation, test = split_by_group(read_corpus(), VALIDATION, TEST)
        if options["limit"]:
            validation, test = (part[:: max(1, len(part) // options["limit"])] for part in (validation, test))
        corpus = (train, validation, test)
        epochs = [
            self._training_rows(emotions[0], corpus[0], plan.seed + number)[: options["limit"] or None]
            for number in range(plan.epochs)
        ]
        self._log(f"training on {len(epochs[0])} rows per epoch, {plan.epochs} epochs")
        started = time.process_time()
        trainer = AdapterTrainer(plan)
        seconds = trainer.train(epochs, self._log)
        card = {
            "calibration": Calibration(1.0, np.ones(len(HEADS)), np.zeros(len(HEADS))).stored(),
            "thresholds": dict.fromkeys(HEADS, 0.5),
            "epochs": plan.epochs,
            "seed": plan.seed,
            "rows_per_epoch": len(epochs[0]),
            "learning_rate": plan.learning_rate,
            "train_seconds": round(seconds, 1),
            "cpu_seconds": round(time.process_time() - started, 1),
        }
        folder = options["output"]
        trainer.save(folder, card)
        # What is calibrated and measured is what will be served: merged, in the precision of this machine.
        card = json.loads((folder / "adapter.json").read_text(encoding="utf-8"))
        card |= self._calibrated(AdapterModel(folder), emotions[1], corpus[1])
        write_card(folder, card)
        model = AdapterModel(folder)
        card["measured"] = {
            "corpus_held_out": corpus_figures(model, corpus[2], read_messages()),
            "goemotions_held_out": mood_figures(
                model.probabilities([row.text for row in emotions[2]]), emotions[2]
            ),
            "other_languages": foreign_figures(model),
        }
        write_card(folder, card)
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
            rows += as_people_write(corpus, draw)
        return list(shuffled(rows, seed))

    def _calibrated(
        self, model: AdapterModel, emotions: Sequence[LabelledText], corpus: Sequence[LabelledText]
    ) -> dict[str, Any]:
        """Calibration and thresholds on the validation rows; for the sentiment both sources weigh the same."""
        rows = [*emotions, *corpus]
        targets = np.array([LABELS.index(row.label) for row in rows])
        weights = np.array([1 / len(emotions)] * len(emotions) + [1 / len(corpus)] * len(corpus))
        logits = model.logits([row.text for row in rows])
        temperature = fit_temperature(logits[:, :MOODS], targets, weights)
        asked = [place for place, row in enumerate(rows) if row.answers is not None]
        truth = np.array([rows[place].answers for place in asked], dtype=bool).reshape(-1, len(HEADS))
        fitted = [fit_platt(logits[asked, MOODS + column], truth[:, column]) for column in range(len(HEADS))]
        slopes, offsets = np.array(fitted).T
        calibration = Calibration(temperature, slopes, offsets)
        answers = calibration.applied(logits[asked])[1]
        thresholds = [best_threshold(answers[:, column], truth[:, column]) for column in range(len(HEADS))]
        return {
            "calibration": calibration.stored(),
            "thresholds": {head: round(value, 3) for head, value in zip(HEADS, thresholds, strict=True)},
        }
