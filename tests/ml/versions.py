"""Stored versions for tests that are not about training."""

from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db.models import Max

from ml.artefacts import Artefact, write_artefact
from ml.models import GateResult, ModelAlias, ModelVersion
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from people.models import User
from people.viewer import system_viewer


def version_of(task: str, artefact: Artefact, accuracy: float = 0.9) -> ModelVersion:
    """Write an artefact and the row of a version."""
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
    )


def put_into_service(version: ModelVersion) -> ModelVersion:
    """Promote a version."""
    GateResult.objects.get_or_create(version=version, gate="golden", defaults={"state": "skipped"})
    asker, decider = (
        User.objects.get_or_create(email=f"{name}@models.example", defaults={"role": "analyst"})[0].pk
        for name in ("asker", "decider")
    )
    by = system_viewer("command")
    if ModelAlias.objects.filter(task=version.task, name="champion").exists():
        propose_version(version=version, by=replace(by, kind="staff", user_id=asker), reason="a test")
        decide_version(version=version, approve=True, by=replace(by, kind="staff", user_id=decider))
    promote_version(version=version, by=by)
    version.refresh_from_db()
    return version
