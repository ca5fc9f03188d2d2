"""``manage.py evaluate_routing``: train the routing learner on one CSV file and measure it on another."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand

from ml.classifiers import TextClassifier
from ml.encoders import ModelUnavailable, SentenceEncoder, sentence_encoder
from ml.evaluation.csv_tables import labelled_texts
from ml.evaluation.reports import print_figures
from ml.evaluation.text_models import Answers, majority_figures, timed


class Command(BaseCommand):
    """The same learner as in production, on data of the operator's choice."""

    help = "Train the routing classifier on --train, measure it on --test, beside the majority class."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--train", type=Path, required=True, metavar="F.csv")
        parser.add_argument("--test", type=Path, required=True, metavar="F.csv")
        parser.add_argument("--text", required=True, metavar="COL", help="column with the text")
        parser.add_argument("--label", required=True, metavar="COL", help="column with the class")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        train_texts, train_labels = labelled_texts(options["train"], options["text"], options["label"])
        test_texts, truth = labelled_texts(options["test"], options["text"], options["label"])
        self.stderr.write(f"training on {len(train_texts)} rows, {len(set(train_labels))} classes")
        encoder = self._encoder()
        started = time.perf_counter()
        model = TextClassifier(encoder, seed=options["seed"]).fit(train_texts, train_labels)
        seconds = time.perf_counter() - started
        self.stderr.write(
            f"trained in {seconds:.1f} s, n-gram weight {model.mix.ngram_weight:.1f}; measuring {len(truth)} rows"
        )

        def predict() -> Answers:
            predictions = model.predict(test_texts)
            abstained.extend(prediction.abstained for prediction in predictions)
            return [answer.label for answer in predictions], np.array(
                [answer.probability for answer in predictions]
            )

        abstained: list[bool] = []
        figures = timed(predict, truth, seconds)
        figures["abstained"] = float(np.mean(abstained))
        figures["classes"] = len(model.labels)
        figures["rows"] = {"train": len(train_texts), "test": len(truth)}
        figures["baseline"] = majority_figures(train_labels, truth)
        print_figures(self.stdout, figures, options["json"])

    def _encoder(self) -> SentenceEncoder | None:
        try:
            return sentence_encoder()
        except ModelUnavailable as error:
            self.stderr.write(f"{error} Continuing with n-grams only.")
            return None
