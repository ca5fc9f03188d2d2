"""The daily look at the files: those of versions that may serve are as they were registered."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.services.notify_user import Notice, notify_people
from ml.artefacts import ArtefactRefused, check_files
from ml.events import ARTEFACT_DAMAGED
from ml.models import ModelVersion
from people.roles import PERMISSIONS
from people.viewer import Viewer


def verify_artefacts(*, by: Viewer) -> list[ModelVersion]:
    """Compare every file with its SHA-256 and return the versions whose files are damaged; newly damaged ones are told of."""
    by.require("ml.manage")
    open_stages = (*ModelVersion.SERVABLE, ModelVersion.Stage.CANDIDATE)
    damaged = []
    for version in ModelVersion.objects.filter(stage__in=open_stages).exclude(path="").order_by("pk"):
        before, version.defect = version.defect, _defect_of(version)
        version.verified_at = timezone.now()
        with transaction.atomic():
            version.save(update_fields=["verified_at", "defect"])
            if version.defect and not before:
                _tell(version, by)
        if version.defect:
            damaged.append(version)
    return damaged


def _defect_of(version: ModelVersion) -> str:
    try:
        check_files(Path(settings.MODEL_DIR) / version.path, version.files)
    except (ArtefactRefused, OSError) as error:
        return str(error)[:500]
    return ""


def _tell(version: ModelVersion, by: Viewer) -> None:
    event = ARTEFACT_DAMAGED.record(
        by=by, subject_id=version.pk, detail={"task": version.task, "defect": version.defect}
    )
    roles = [role for role, permissions in PERMISSIONS.items() if "ml.manage" in permissions]
    people = get_user_model().objects.filter(is_active=True, role__in=roles).values_list("pk", flat=True)
    text = _("The files of the model %(model)s are damaged: %(defect)s.") % {
        "model": version.label,
        "defect": version.defect,
    }
    notify_people(
        notices=[Notice(user_id=pk, text=text, verb=event.verb, cause=event) for pk in people], by=by
    )
