"""``manage.py train_models``: train every ML task that has no version in service."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.models import AliasChange, ModelAlias, ModelVersion, TrainingRun
from ml.registry import MLTask, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import CHAMPION, promote_version
from ml.services.start_training import open_run
from people.viewer import system_viewer


class Command(BaseCommand):
    """The first version of a task goes into service when it passes its gates; any later one waits for an approval."""

    help = "Train each task without a version in service; with --again, train the tasks anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--task", action="append", default=[], metavar="KEY", help="only this task (repeatable)"
        )
        parser.add_argument(
            "--again", action="store_true", help="also train tasks that have a version in service"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        for key in options["task"]:
            if key not in ml_tasks:
                raise CommandError(
                    f"there is no task {key}; known: {', '.join(task.key for task in ml_tasks)}"
                )
        serving = set(ModelAlias.objects.filter(name=CHAMPION).values_list("task", flat=True))
        results: dict[str, dict[str, Any]] = {}
        for task in ml_tasks:
            if options["task"] and task.key not in options["task"]:
                continue
            if task.key in serving and not options["again"]:
                results[task.key] = {"state": "in service"}
            else:
                results[task.key] = self._train(task)
        for key, result in results.items():
            figures = " ".join(f"{name}={value}" for name, value in result.items() if name != "state")
            self.stdout.write(f"{key:<16}{result['state']:<16}{figures}".rstrip())
        if options["json"]:
            self.stdout.write(json.dumps(results))

    def _train(self, task: MLTask) -> dict[str, Any]:
        viewer = system_viewer("command")
        first = not ModelAlias.objects.filter(task=task.key, name=CHAMPION).exists()
        trigger = TrainingRun.Trigger.FIRST if first else TrainingRun.Trigger.MANUAL
        run, created = open_run(TrainingRun(task=task.key, trigger=trigger, params=dict(task.params)), viewer)
        if not created:
            return {"state": "in training", "run": run.pk}
        run = carry_out_run(run_id=run.pk, by=viewer, report=self.stderr.write)
        if run.state == TrainingRun.State.REFUSED:
            return {"state": "not trained", "why": run.error}
        if run.state != TrainingRun.State.DONE:
            return {"state": run.state, "why": run.error}
        version = ModelVersion.objects.get(run=run)
        if version.stage == ModelVersion.Stage.REJECTED:
            why = version.stage_reason
            return {"state": "rejected", "version": version.label, "why": why, **_headline(version.metrics)}
        if AliasChange.objects.filter(task=task.key, name=CHAMPION).exists():
            # Another person decides whether it replaces what serves.
            return {"state": "candidate", "version": version.label, **_headline(version.metrics)}
        promote_version(version=version, by=viewer, reason="first training")
        return {"state": "trained", "version": version.label, **_headline(version.metrics)}


def _headline(metrics: dict[str, Any]) -> dict[str, float]:
    names = ("accuracy", "macro_f1", "roc_auc", "brier", "ece")
    return {name: round(metrics[name], 4) for name in names if isinstance(metrics.get(name), float)}
