"""The catalogue: every feature with its owner, what uses it, an example and whether it has drifted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from ml.features.views import Definition, FeatureView, KeptView, Point, feature_views
from ml.models import DriftWindow, FeatureValue, ModelAlias, ModelVersion
from ml.registry import ml_tasks
from people.viewer import Viewer


@dataclass(frozen=True)
class Use:
    """A task that uses a feature; ``champion`` is the version that serves, "" while rules answer, ``versions`` are all that
    learned from it, by the version of the feature."""

    task: str
    title: str
    champion: str
    versions: Mapping[int, Sequence[str]]


@dataclass(frozen=True)
class Entry:
    """A feature as it is shown. ``example`` is one value, None when nothing is known; ``drift`` the verdict of the newest
    window of a version in service, "" while there is none."""

    definition: Definition
    uses: Sequence[Use]
    example: Any
    drift: str


def catalogue(viewer: Viewer) -> list[Entry]:
    """Every feature by name; raises PermissionDenied without ``ml.view``."""
    viewer.require("ml.view")
    learned, champions = _learned(), _champions()
    drift = _drift(champions)
    entries = []
    for view in feature_views:
        examples = _examples(view)
        for one in view.definitions():
            uses = [
                Use(
                    task.key,
                    str(task.title),
                    champions[task.key].label if task.key in champions else "",
                    learned[task.key].get(one.name, {}),
                )
                for task in ml_tasks
                if one.name in task.uses
            ]
            entries.append(Entry(one, uses, examples.get(one.name), drift.get(one.name, "")))
    return sorted(entries, key=lambda entry: entry.definition.name)


def _champions() -> dict[str, ModelVersion]:
    rows = ModelAlias.objects.select_related("version").filter(name=ModelAlias.Name.CHAMPION)
    return {alias.task: alias.version for alias in rows}


def _learned() -> Mapping[str, Mapping[str, Mapping[int, list[str]]]]:
    """Task, feature, its version: the versions of models that learned from it."""
    found: dict[str, dict[str, dict[int, list[str]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    rows = ModelVersion.objects.exclude(run__snapshot=None).order_by("task", "number")
    for task, number, features in rows.values_list("task", "number", "run__snapshot__feature_versions"):
        for name, version in features.items():
            found[task][name][version].append(f"v{number}")
    return found


def _drift(champions: Mapping[str, ModelVersion]) -> dict[str, str]:
    """The worst verdict about an item of this name in the newest window of each champion."""
    found: dict[str, str] = {}
    ranks = list(DriftWindow.Verdict.values)
    for version in champions.values():
        rows = DriftWindow.objects.filter(version=version)
        newest = rows.order_by("-number").values_list("number", flat=True).first() or 0
        for item, verdict in rows.filter(number=newest).values_list("item", "verdict"):
            if item not in found or ranks.index(verdict) > ranks.index(found[item]):
                found[item] = verdict
    return found


def _examples(view: FeatureView) -> Mapping[str, Any]:
    if isinstance(view, KeptView):
        names = [one.name for one in view.definitions()]
        return {
            name: FeatureValue.objects.filter(feature=name, value__isnull=False)
            .order_by("-as_of")
            .values_list("value", flat=True)
            .first()
            for name in names
        }
    subject = view.example()
    if subject is None:
        return {}
    [reading] = view.readings([Point(subject, timezone.now())])
    return reading.values
