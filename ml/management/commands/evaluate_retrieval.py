"""``manage.py evaluate_retrieval``: how often the right entry of a catalogue is found first, by words, vectors and both."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.encoders import ModelUnavailable, sentence_encoder
from ml.evaluation.retrieval import measure, read_corpus, read_questions
from ml.retrieval.catalogue import Catalogue


class Command(BaseCommand):
    """The mix is what suggests macros beside a ticket."""

    help = (
        "Search every question in the whole corpus and print P@1 and MRR with 95 % intervals for each method."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queries", type=Path, required=True, metavar="F.csv")
        parser.add_argument("--corpus", type=Path, required=True, metavar="F.json|F.csv")
        parser.add_argument("--text", default="query", metavar="COL", help="column with the question")
        parser.add_argument(
            "--id", default="faq_id", metavar="COL", help="column with the id of the right entry"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        corpus = read_corpus(options["corpus"])
        questions = read_questions(options["queries"], options["text"], options["id"], corpus)
        try:
            encoder = sentence_encoder()
        except ModelUnavailable as error:
            raise CommandError(str(error)) from error
        entries = list(corpus.values())
        self.stderr.write(f"searching {len(questions.texts)} questions in {len(entries)} entries")
        catalogue = Catalogue(
            entries,
            encoder.encode([entry.title for entry in entries]),
            encoder.encode([entry.whole for entry in entries]),
        )
        started = time.perf_counter()
        vectors = encoder.encode(questions.texts)
        figures: dict[str, Any] = {
            "questions": len(questions.texts),
            "entries": len(entries),
            "encode_ms_per_question": 1_000 * (time.perf_counter() - started) / len(questions.texts),
            "methods": measure(catalogue, questions, vectors),
        }
        self.stdout.write(f"{'':<16}{'P@1':>8}{'95 %':>18}{'MRR':>9}{'95 %':>18}")
        for name, found in figures["methods"].items():
            cells = "".join(
                f"{part['value']:>9.4f}{part['low']:>10.3f} - {part['high']:.3f}"
                for part in (found["p_at_1"], found["mrr"])
            )
            self.stdout.write(f"{name:<16}{cells}")
        self.stdout.write(
            f"weights (title, whole, words) by fifth: {figures['methods']['mix_chosen']['weights']}"
        )
        if options["json"]:
            self.stdout.write(json.dumps(figures))
