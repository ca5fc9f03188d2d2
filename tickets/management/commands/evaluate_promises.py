"""``manage.py evaluate_promises``: how well promises in answers are read, on our own corpus."""

from typing import Any

from django.core.management.base import BaseCommand

from tickets.promises.measuring import PromiseFigures, corpus_parts, promise_figures


class Command(BaseCommand):
    """The rules were written on the first part; the held-out part tells what they are worth."""

    help = "Measure the reading of promises: precision, recall and days, on the part the rules were written on and held out."

    def handle(self, *args: Any, **options: Any) -> None:
        written_on, held_out = corpus_parts()
        self.stdout.write(
            f"{'':<16}{'answers':>8}{'promises':>10}{'precision':>11}{'recall':>8}{'right day':>11}"
        )
        for name, part in (("written on", written_on), ("held out", held_out)):
            self._line(name, promise_figures(part))

    def _line(self, name: str, figures: PromiseFigures) -> None:
        self.stdout.write(
            f"{name:<16}{figures.answers:>8}{figures.promised:>10}{figures.precision:>11.3f}"
            f"{figures.recall:>8.3f}{figures.due_accuracy:>11.3f}"
        )
