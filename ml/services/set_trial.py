"""Try a version on live work: a canary answers a share of the subjects, a shadow answers beside the champion."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.models import AliasChange, ModelAlias, ModelVersion
from ml.services.move_alias import move_alias
from people.viewer import Viewer

Name = ModelAlias.Name
MOST_SHARE = 50


def set_trial(
    *, version: ModelVersion, name: str, by: Viewer, share: int = 10, reason: str = ""
) -> ModelAlias | None:
    """Start a trial or change its share. A canary has effect, so it needs an approved version; a shadow a candidate.

    Raises PermissionDenied without ``ml.manage`` and ValidationError for other names, shares and stages.
    """
    by.require("ml.manage")
    if name not in (Name.CANARY, Name.SHADOW):
        raise ValidationError({"name": _("A trial is a canary or a shadow.")})
    if not 1 <= share <= (MOST_SHARE if name == Name.CANARY else 100):
        raise ValidationError({"share": _("A canary takes 1 to 50 percent, a shadow 1 to 100.")})
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        allowed = {ModelVersion.Stage.APPROVED}
        if name == Name.SHADOW:
            allowed.add(ModelVersion.Stage.CANDIDATE)
        if version.stage not in allowed:
            raise ValidationError(
                _("This version may not be tried: a canary needs an approval, a shadow the gates.")
            )
        return move_alias(
            task=version.task, name=name, version=version, kind=AliasChange.Kind.TRIAL, share=share, reason=reason, by=by
        )  # fmt: skip


def end_trial(*, task: str, name: str, by: Viewer, reason: str = "") -> bool:
    """End a trial; returns whether there was one."""
    by.require("ml.manage")
    with transaction.atomic():
        trials = ModelAlias.objects.select_for_update().filter(task=task, name=name)
        if name not in (Name.CANARY, Name.SHADOW) or not trials.exists():
            return False
        move_alias(task=task, name=name, version=None, kind=AliasChange.Kind.END, reason=reason, by=by)
    return True
