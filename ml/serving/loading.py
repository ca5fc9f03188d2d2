"""The models in service, loaded once per process and content.

A missing, changed or unreadable model never stops the caller: it gets ``NotLoaded`` (or None) and falls back to its rules;
the error is logged, kept for the ml worker's heartbeat and the loading tried again a minute later.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from ml.artefacts import ArtefactRefused, read_artefact
from ml.features.views import changed_since
from ml.models import ModelAlias, ModelVersion
from ml.registry import ml_tasks
from ml.services.promote_version import CHAMPION
from ml.serving.deadline import TooSlow, within

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
_SERVING = (CHAMPION, "canary", "shadow")


class NotLoaded(RuntimeError):
    """A version cannot be loaded, or not in time (``slow``)."""

    def __init__(self, why: str, *, slow: bool = False) -> None:
        super().__init__(why)
        self.slow = slow


@dataclass(frozen=True)
class Champion:
    """The version row and the model that its task's ``load`` built."""

    version: ModelVersion
    model: Any


_loaded: dict[str, dict[str, Any]] = {}  # task -> digest -> model; only of versions that serve
_failed: dict[str, dict[int, tuple[float, str]]] = {}  # task -> version -> when and why


def load_version(version: ModelVersion, *, seconds: float | None = None) -> Any:
    """The model of a version, from memory when the process holds it; raises ``NotLoaded``.

    With ``seconds`` the caller waits no longer; the loading goes on and the model is there for a later call.
    """
    if version.stage in (ModelVersion.Stage.RETIRED, ModelVersion.Stage.REJECTED):
        raise NotLoaded(f"{version.label} is {version.stage} and cannot serve")
    kept = _loaded.setdefault(version.task, {})
    if version.digest in kept:
        return kept[version.digest]
    failures = _failed.setdefault(version.task, {})
    failed = failures.get(version.pk)
    if failed and time.monotonic() - failed[0] < RETRY_SECONDS:
        raise NotLoaded(failed[1])
    serving = set(
        ModelAlias.objects.filter(task=version.task, name__in=_SERVING).values_list(
            "version__digest", flat=True
        )
    )

    def load() -> Any:
        folder = Path(settings.MODEL_DIR) / version.path
        task = ml_tasks.get(version.task)
        artefact = read_artefact(folder, version.files)
        changed = changed_since(artefact.metadata.get("features", {}))
        if changed:
            raise ArtefactRefused(f"means something else by now: {', '.join(changed)}; train again")
        model = task.load(artefact)
        task.warm_up(model)
        for digest in kept.keys() - serving:
            kept.pop(digest, None)
        kept[version.digest] = model
        return model

    try:
        model = load() if seconds is None else within(seconds, f"load:{version.pk}", load)
    except TooSlow as error:
        logger.warning("%s: %s", version.label, error)
        raise NotLoaded(str(error), slow=True) from error
    except Exception as error:  # whatever the files hold, the caller has rules
        logger.exception("%s cannot be loaded", version.label)
        failures[version.pk] = (time.monotonic(), str(error))
        raise NotLoaded(str(error)) from error
    failures.pop(version.pk, None)
    return model


def load_champion(task: str) -> Champion | None:
    """The champion of a task, or None when there is none or it cannot be loaded.

    One query per call; a promotion therefore takes effect with the next call in every process.
    """
    alias = ModelAlias.objects.select_related("version").filter(task=task, name=CHAMPION).first()
    if alias is None:
        return None
    try:
        return Champion(alias.version, load_version(alias.version))
    except NotLoaded:
        return None


def failed_champions() -> dict[str, str]:
    """Task -> why a version that serves it could not be loaded in this process."""
    serving = set(ModelAlias.objects.filter(name__in=_SERVING).values_list("version_id", flat=True))
    return {
        task: why
        for task, failures in _failed.items()
        for version_id, (_when, why) in failures.items()
        if version_id in serving
    }
