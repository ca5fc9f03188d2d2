"""``manage.py train_models``: train every ML task that has no version in service."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.models import ModelAlias, ModelVersion
from ml.registry import MLTask, ml_tasks
from ml.services.promote_version import CHAMPION, promote_version
from ml.services.register_version import register_version
from ml.tabular import NotEnoughData
from people.viewer import system_viewer


class Command(BaseCommand):
    """A model that does not beat its trivial baseline on held-out rows is stored as rejected and stays off."""

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
        try:
            trained = task.train(self.stderr.write)
        except NotEnoughData as error:
            return {"state": "not trained", "why": str(error)}
        version = register_version(task=task.key, trained=trained, by=viewer)
        if version.stage == ModelVersion.Stage.REJECTED:
            return {"state": "rejected", "version": version.label, **_headline(trained.metrics)}
        promote_version(version=version, by=viewer)
        return {"state": "trained", "version": version.label, **_headline(trained.metrics)}


def _headline(metrics: dict[str, Any]) -> dict[str, float]:
    names = ("accuracy", "macro_f1", "roc_auc", "brier", "ece")
    return {name: round(metrics[name], 4) for name in names if isinstance(metrics.get(name), float)}
