"""Put a version into service: the alias ``champion`` of its task points to it from the next prediction on."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.events import VERSION_PROMOTED
from ml.models import ModelAlias, ModelVersion
from people.viewer import Viewer

CHAMPION = "champion"


def promote_version(*, version: ModelVersion, by: Viewer) -> ModelAlias:
    """Make the version its task's champion and retire the former one; going back to a retired version is allowed.

    Raises PermissionDenied without ``ml.manage`` and ValidationError for a rejected version.
    """
    by.require("ml.manage")
    if version.stage == ModelVersion.Stage.REJECTED:
        raise ValidationError(_("This version did not beat its baseline and cannot serve."))
    with transaction.atomic():
        alias = ModelAlias.objects.select_for_update().filter(task=version.task, name=CHAMPION).first()
        former = alias.version if alias else None
        if alias is None:
            alias = ModelAlias.objects.create(task=version.task, name=CHAMPION, version=version)
        elif former is not None and former.pk != version.pk:
            alias.version = version
            alias.save(update_fields=["version", "changed_at"])
            ModelVersion.objects.filter(pk=former.pk).update(stage=ModelVersion.Stage.RETIRED)
        version.stage = ModelVersion.Stage.LIVE
        version.save(update_fields=["stage"])
        VERSION_PROMOTED.record(
            by=by,
            subject_id=version.pk,
            detail={
                "task": version.task,
                "number": version.number,
                "former": former.number if former else None,
            },
        )
    return alias
