"""``manage.py describe_corpus``: check our own corpus and print the tables of its data sheet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.corpus.describing import sheet_lines
from ml.corpus.messages import CorpusError


class Command(BaseCommand):
    """What it prints stands in ``ml/corpus/README.md``; a test compares."""

    help = "Check every line of our own corpus and print its counts and the agreement of its two readers."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in sheet_lines():
                self.stdout.write(line)
        except CorpusError as error:
            raise CommandError(str(error)) from error
