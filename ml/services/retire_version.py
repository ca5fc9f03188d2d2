"""Take a version out of use for good."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.events import VERSION_RETIRED
from ml.models import ModelAlias, ModelVersion
from ml.services.propose_version import withdraw_proposals
from people.viewer import Viewer


def retire_version(*, version: ModelVersion, by: Viewer, reason: str) -> ModelVersion:
    """A retired version never serves again; its row, files and figures stay.

    Raises PermissionDenied without ``ml.manage``, ValidationError without a reason and while an alias points to it.
    """
    by.require("ml.manage")
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if ModelAlias.objects.filter(version=version).exists():
            raise ValidationError(_("This version is in use; put another one in its place first."))
        version.stage, version.stage_reason = ModelVersion.Stage.RETIRED, reason.strip()
        version.save(update_fields=["stage", "stage_reason"])
        withdraw_proposals(version=version, by=by)
        VERSION_RETIRED.record(
            by=by, subject_id=version.pk, detail={"task": version.task, "reason": version.stage_reason}
        )
    return version
