"""The model in service of a task, loaded once per process and content.

A missing, changed or unreadable model never stops the caller: it gets None (and falls back to its rules), the error is
logged, kept for the ml worker's heartbeat and retried a minute later.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from ml.artefacts import ArtefactRefused, read_artefact
from ml.encoders import ModelUnavailable
from ml.models import ModelAlias, ModelVersion
from ml.registry import ml_tasks
from ml.services.promote_version import CHAMPION

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Champion:
    """The version row and the model that its task's ``load`` built."""

    version: ModelVersion
    model: Any


_loaded: dict[str, tuple[str, Any]] = {}  # task -> (digest, model); at most one model per task in memory
_failed: dict[str, tuple[int, float, str]] = {}  # task -> (version, when, why)


def load_champion(task: str) -> Champion | None:
    """The champion of a task, or None when there is none or it cannot be loaded.

    One query per call; a promotion therefore takes effect with the next call in every process.
    """
    alias = ModelAlias.objects.select_related("version").filter(task=task, name=CHAMPION).first()
    if alias is None:
        _loaded.pop(task, None)
        _failed.pop(task, None)
        return None
    version = alias.version
    digest, model = _loaded.get(task, ("", None))
    if digest == version.digest:
        return Champion(version, model)
    failed = _failed.get(task)
    if failed and failed[0] == version.pk and time.monotonic() - failed[1] < RETRY_SECONDS:
        return None
    try:
        model = ml_tasks.get(task).load(read_artefact(Path(settings.MODEL_DIR) / version.path, version.files))
    except (ArtefactRefused, ModelUnavailable, LookupError, OSError, ValueError) as error:
        logger.exception("%s cannot be loaded", version.label)
        _failed[task] = (version.pk, time.monotonic(), str(error))
        return None
    _failed.pop(task, None)
    _loaded[task] = (version.digest, model)
    return Champion(version, model)


def failed_champions() -> dict[str, str]:
    """Task -> why its champion could not be loaded in this process."""
    return {task: why for task, (_version, _when, why) in _failed.items()}
