"""``manage.py evaluate_routing``: train the routing learner on one CSV file and measure it on another."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from ml.classifiers import TextClassifier
from ml.classifiers.familiarity import USUAL_SHARE
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
        parser.add_argument(
            "--unknown", default="", metavar="LABEL", help="test rows with this label are of no known class"
        )
        parser.add_argument(
            "--rejected-share",
            type=float,
            default=USUAL_SHARE,
            metavar="SHARE",
            help="share of known texts that may be called unfamiliar (the limit is chosen on training rows)",
        )
        parser.add_argument(
            "--named",
            action="store_true",
            help="the labels are words: use them as descriptions of the classes",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        train_texts, train_labels = labelled_texts(options["train"], options["text"], options["label"])
        texts, labels = labelled_texts(options["test"], options["text"], options["label"])
        unknown = [text for text, label in zip(texts, labels, strict=True) if label == options["unknown"]]
        known = [pair for pair in zip(texts, labels, strict=True) if pair[1] != options["unknown"]]
        if not known:
            raise CommandError("every row of the test file is unknown: there is nothing to measure")
        test_texts, truth = [text for text, _label in known], [label for _text, label in known]
        if options["unknown"]:  # what is unknown in the test must not be learned either
            kept = [
                pair for pair in zip(train_texts, train_labels, strict=True) if pair[1] != options["unknown"]
            ]
            train_texts, train_labels = [text for text, _label in kept], [label for _text, label in kept]
        self.stderr.write(f"training on {len(train_texts)} rows, {len(set(train_labels))} classes")
        encoder = self._encoder()
        named = options["named"]
        descriptions = {label: words_of(label) for label in set(train_labels)} if named else None
        started = time.perf_counter()
        model = TextClassifier(encoder, seed=options["seed"], rejected_share=options["rejected_share"]).fit(
            train_texts, train_labels, descriptions
        )
        seconds = time.perf_counter() - started
        self.stderr.write(f"trained in {seconds:.1f} s, {model.mix}; measuring {len(truth)} rows")

        def predict() -> Answers:
            predictions = model.predict(test_texts)
            abstained.extend(prediction.abstained for prediction in predictions)
            strange.extend(prediction.because == "unfamiliar" for prediction in predictions)
            return [answer.label for answer in predictions], np.array(
                [answer.probability for answer in predictions]
            )

        abstained: list[bool] = []
        strange: list[bool] = []
        figures = timed(predict, truth, seconds)
        figures["abstained"] = float(np.mean(abstained))
        figures["called_unfamiliar"] = float(np.mean(strange))
        if unknown:
            answers = model.predict(unknown)
            figures["unknown"] = {
                "rows": len(unknown),
                "called_unfamiliar": float(np.mean([one.because == "unfamiliar" for one in answers])),
                "abstained": float(np.mean([one.abstained for one in answers])),
            }
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


def words_of(label: str) -> str:
    """A label as a person reads it: ``card_arrival`` is "card arrival"."""
    return label.replace("_", " ").replace("-", " ").strip()
