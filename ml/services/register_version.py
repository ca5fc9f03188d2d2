"""Store a trained model as an immutable version: its files under ``MODEL_DIR`` and a row with their SHA-256."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from core.models import Approval
from ml.artefacts import write_artefact
from ml.events import VERSION_REGISTERED
from ml.models import AliasChange, ModelVersion, TrainingRun
from ml.registry import TrainedModel
from people.viewer import Viewer


def register_version(
    *, task: str, trained: TrainedModel, by: Viewer, run: TrainingRun | None = None
) -> ModelVersion:
    """Write the files and the row of a candidate, which gates and people decide about.

    Raises PermissionDenied without ``ml.manage``.
    """
    by.require("ml.manage")
    path = f"{task}/{secrets.token_hex(8)}"
    folder = Path(settings.MODEL_DIR) / path
    try:
        manifest = write_artefact(folder, trained.artefact)
        with transaction.atomic():
            # Rows of the task are locked where the database can; on SQLite the writer is alone anyway.
            newest = (
                ModelVersion.objects.select_for_update()
                .filter(task=task)
                .aggregate(Max("number"))["number__max"]
            )
            version = ModelVersion.objects.create(
                task=task,
                number=(newest or 0) + 1,
                run=run,
                kind=trained.kind,
                path=path,
                files=manifest.files,
                digest=manifest.digest,
                params=trained.artefact.metadata.get("model", {}).get("mix", {}),
                metrics=trained.metrics,
                baseline_metrics=trained.baseline_metrics,
                training=trained.training,
                created_by_id=run.requested_by_id if run else by.user_id,
            )
            VERSION_REGISTERED.record(
                by=by,
                subject_id=version.pk,
                detail={
                    "task": task,
                    "number": version.number,
                    "stage": version.stage,
                    "digest": version.digest,
                },
            )
    except BaseException:
        discard_folder(folder)
        raise
    return version


def discard_unfinished(run: TrainingRun) -> ModelVersion | None:
    """Delete what a killed start of the run has stored; the version is returned and kept when people have acted on it."""
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().filter(run=run).first()
        if version is None:
            return None
        moved = AliasChange.objects.filter(Q(from_version=version) | Q(to_version=version))
        asked = Approval.objects.filter(subject_kind="model_version", subject_id=version.pk)
        if moved.exists() or asked.exists():
            return version
        version.delete()
    if version.path:
        discard_folder(Path(settings.MODEL_DIR) / version.path)
    return None


def discard_folder(folder: Path) -> None:
    """Delete files of a model that is not kept."""
    shutil.rmtree(folder, ignore_errors=True)
