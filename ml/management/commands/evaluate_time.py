"""``manage.py evaluate_time``: forecast on the event log of any ticket system how long its cases still take, or what comes of
them."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.evaluation.event_logs import prefixes, read_cases
from ml.evaluation.forward import outcome_figures, split_cases, time_figures
from ml.evaluation.reports import print_figures
from ml.tabular import NotEnoughData

OWN = ("state", "before", "events", "states", "age_hours", "quiet_hours", "hour", "weekday", "open_cases")


class Command(BaseCommand):
    """The newest fifth of the cases measures what was known of the older ones by then."""

    help = "Forecast on the event log --data the time until the end of each case, or with --outcome what comes of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, metavar="F.csv")
        parser.add_argument("--case", default="CaseID", metavar="COL")
        parser.add_argument("--activity", default="ActivityID", metavar="COL")
        parser.add_argument("--time", default="CompleteTimestamp", metavar="COL")
        parser.add_argument(
            "--further", nargs="*", default=[], metavar="COL", action="extend", help="columns to use"
        )
        parser.add_argument(
            "--outcome", default="", metavar="COL", help="its last value is what became of a case"
        )
        parser.add_argument("--bad", default="", metavar="VALUE", help="the outcome to warn of")
        parser.add_argument(
            "--keep-open",
            action="store_true",
            help="learn also from what was not known when the newest cases began",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        path, outcome = options["data"], options["outcome"]
        if bool(outcome) != bool(options["bad"]):
            raise CommandError("--outcome and --bad belong together")
        further = [*options["further"], *([outcome] if outcome else [])]
        cases = read_cases(
            path, case=options["case"], activity=options["activity"], time=options["time"], further=further
        )
        found = prefixes(cases, outcome=outcome)
        if outcome:
            # What has come already is not forecast.
            found = [one for one in found if one.so_far != options["bad"]]
        if not found:
            raise CommandError(f"{path}: no case has two events")
        started = time.perf_counter()
        parts = split_cases(found, purge=not options["keep_open"])
        if not parts.train:
            raise CommandError(f"{path}: the log is too short to know what came of older cases")
        names = [*OWN, *(name for name in further if name != outcome)]
        try:
            figures = (
                outcome_figures(parts, names, options["bad"], seed=options["seed"], report=self.stderr.write)
                if outcome
                else time_figures(parts, names, seed=options["seed"], report=self.stderr.write)
            )
        except NotEnoughData as error:
            raise CommandError(f"{path}: {error}") from error
        figures["train_rows"], figures["held_rows"] = len(parts.train), len(parts.held)
        figures["held_cases"] = len({one.case for one in parts.held})
        figures["horizon_hours"], figures["left_out_rows"] = parts.horizon_hours, parts.left_out
        figures["seconds"] = time.perf_counter() - started
        print_figures(self.stdout, figures, options["json"])
