"""Stored versions for tests that are not about training."""

from pathlib import Path

from django.conf import settings
from django.db.models import Max

from ml.artefacts import Artefact, write_artefact
from ml.models import ModelVersion


def version_of(task: str, artefact: Artefact, accuracy: float = 0.9) -> ModelVersion:
    """Write an artefact and the row of a version that serves."""
    number = (ModelVersion.objects.filter(task=task).aggregate(newest=Max("number"))["newest"] or 0) + 1
    path = f"{task}/{number}"
    manifest = write_artefact(Path(settings.MODEL_DIR) / path, artefact)
    return ModelVersion.objects.create(
        task=task,
        number=number,
        kind="test",
        path=path,
        files=manifest.files,
        digest=manifest.digest,
        metrics={"accuracy": accuracy},
        stage=ModelVersion.Stage.LIVE,
    )
