"""``manage.py evaluate_churn``: cross-validate the churn learner on any table with a yes/no column."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from ml.classifiers.folds import assign_folds
from ml.evaluation.csv_tables import read_table
from ml.evaluation.leaks import Leak, inspect_folds
from ml.evaluation.reports import print_figures
from ml.metrics import ranking_figures
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.columns import design_matrix, infer_columns, is_missing, to_number
from ml.tabular.learners import Targets

_YES = frozenset(
    {"yes", "y", "true", "t", "1", "1.0", "churn", "churned", "left", "lost", "cancelled", "canceled"}
)
_NO = frozenset({"no", "n", "false", "f", "0", "0.0", "stayed", "kept", "active", "retained", "not churned"})


class Command(BaseCommand):
    """Every row is predicted by a model that did not see it; figures are over these pooled predictions.

    With ``--repeats`` the folds are drawn anew for each, and every figure is the mean over them. The leak sentinel looks at
    the rows: what it finds is told, and the figures then say little.
    """

    help = "Cross-validate the churn model on --data, beside the overall churn rate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, metavar="F.csv")
        parser.add_argument("--label", required=True, metavar="COL", help="yes/no column")
        parser.add_argument(
            "--drop", nargs="*", default=[], metavar="COL", action="extend", help="columns to leave out"
        )
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--repeats",
            type=int,
            default=1,
            metavar="N",
            help="draw the folds N times; figures are the means",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["folds"] < 2:
            raise CommandError("--folds must be at least 2")
        if options["repeats"] < 1:
            raise CommandError("--repeats must be at least 1")
        label, path = options["label"], options["data"]
        rows = [row for row in read_table(path, [label, *options["drop"]]) if not is_missing(row[label])]
        outcome = self._outcome(path, label, [row[label].strip() for row in rows])
        names = [name for name in rows[0] if name != label and name not in options["drop"]]
        features = [name for name in names if not self._is_identifier(name, rows)]
        if len(features) < len(names):
            left_out = ", ".join(name for name in names if name not in features)
            self.stderr.write(f"left out as identifiers: {left_out}")
        started = time.perf_counter()
        runs: list[dict[str, Any]] = []
        for number in range(options["repeats"]):
            try:
                ours, priors = TabularModel.cross_validate(
                    rows,
                    outcome.tolist(),
                    features,
                    folds=options["folds"],
                    seed=options["seed"] + number,
                    report=self.stderr.write,
                )
            except NotEnoughData as error:
                raise CommandError(f"{path}: {error}") from error
            runs.append(dict(ranking_figures(outcome, ours)))
        figures: dict[str, Any] = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
        figures["rows"], figures["positives"] = len(rows), int(outcome.sum())
        if len(runs) > 1:
            figures["repeats"] = runs
        figures["train_seconds"] = time.perf_counter() - started
        figures["baseline"] = dict(ranking_figures(outcome, priors))
        figures["leaks"] = [asdict(leak) for leak in self._leaks(rows, outcome, features, options)]
        for leak in figures["leaks"]:
            self.stderr.write(f"LEAK: {leak['words']}")
        print_figures(self.stdout, figures, options["json"])

    def _leaks(
        self, rows: list[dict[str, str]], outcome: Targets, features: list[str], options: dict[str, Any]
    ) -> list[Leak]:
        columns = infer_columns(rows, features)
        folds = assign_folds(outcome, options["seed"], options["folds"])
        if folds is None or not columns:
            return []
        return inspect_folds(design_matrix(rows, columns), outcome, folds)

    def _outcome(self, path: Path, label: str, values: list[str]) -> Targets:
        """1 for the churned. Known words decide; otherwise the rarer of two values is the outcome."""
        distinct = sorted(set(values))
        if len(distinct) != 2:
            shown = ", ".join(distinct[:5]) or "none"
            raise CommandError(
                f'{path}: column "{label}" needs exactly two values, it has {len(distinct)}: {shown}'
            )
        yes = [value for value in distinct if value.lower() in _YES]
        no = [value for value in distinct if value.lower() in _NO]
        if len(yes) == 1:
            positive = yes[0]
        elif len(no) == 1:
            positive = next(value for value in distinct if value not in no)
        else:
            positive = min(distinct, key=lambda value: (values.count(value), value))
            self.stderr.write(f'taking the rarer value "{positive}" of "{label}" as churned')
        return np.array([value == positive for value in values], dtype=int)

    def _is_identifier(self, name: str, rows: list[dict[str, str]]) -> bool:
        """A text that differs in every row, or a whole number that does so in a column named like an id."""
        values = [row[name].strip() for row in rows if not is_missing(row[name])]
        if len(values) < 10 or len(set(values)) < len(values):
            return False
        numeric = all(not np.isnan(to_number(value)) for value in values)
        named = name.lower().endswith(("id", "number", "index")) or name == ""
        return named or not numeric
