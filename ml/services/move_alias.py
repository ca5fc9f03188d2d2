"""The one writer of aliases: moves one and writes its history. Who may move what is decided by its callers."""

from __future__ import annotations

from django.db import transaction

from core.models import Approval
from ml.models import AliasChange, ModelAlias, ModelVersion
from people.viewer import Viewer

Stage = ModelVersion.Stage


@transaction.atomic
def move_alias(
    *,
    task: str,
    name: str,
    version: ModelVersion | None,
    kind: AliasChange.Kind,
    by: Viewer,
    reason: str = "",
    share: int = 100,
    approval: Approval | None = None,
) -> ModelAlias | None:
    """Point an alias to a version (None: to the task's own rules) and keep the stages of both in step.

    A move of the champion ends the trials of both: what serves needs none, and what was taken out of service answers nothing.
    """
    alias = ModelAlias.objects.select_for_update().filter(task=task, name=name).first()
    former = alias.version if alias else None
    if version is None:
        ModelAlias.objects.filter(task=task, name=name).delete()
        alias = None
    elif alias is None:
        alias = ModelAlias.objects.create(task=task, name=name, version=version, share=share)
    else:
        alias.version, alias.share = version, share
        alias.save(update_fields=["version", "share", "changed_at"])
    if name == ModelAlias.Name.CHAMPION:
        if former is not None:
            ModelVersion.objects.filter(pk=former.pk, stage=Stage.LIVE).update(stage=Stage.APPROVED)
        if version is not None:
            ModelVersion.objects.filter(pk=version.pk).update(stage=Stage.LIVE)
            version.stage = Stage.LIVE
        moved = [one.pk for one in (former, version) if one is not None]
        trials = ModelAlias.objects.filter(task=task, version__in=moved).exclude(name=name)
        for trial in trials.values_list("name", flat=True):
            move_alias(task=task, name=trial, version=None, kind=AliasChange.Kind.END, reason=reason, by=by)
    AliasChange.objects.create(
        task=task,
        name=name,
        kind=kind,
        from_version=former,
        to_version=version,
        share=share,
        approval=approval,
        reason=reason.strip(),
        user_id=by.user_id,
    )
    return alias
