"""Go back: the champion before the present one serves again, at once."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.events import VERSION_ROLLED_BACK
from ml.models import AliasChange, ModelAlias, ModelVersion
from ml.services.move_alias import move_alias
from people.viewer import Viewer

CHAMPION = ModelAlias.Name.CHAMPION
Kind = AliasChange.Kind


def roll_back(*, task: str, by: Viewer, reason: str, automatic: bool = False) -> AliasChange:
    """Put the former champion back, or the task's own rules where there is none that may serve.

    Needs no approval: what comes back has served before. Raises PermissionDenied without ``ml.manage`` and ValidationError
    when nothing serves or no reason is given.
    """
    by.require("ml.manage")
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    with transaction.atomic():
        alias = ModelAlias.objects.select_for_update().filter(task=task, name=CHAMPION).first()
        if alias is None:
            raise ValidationError(_("No model of this task is in service."))
        target = former_champion(task)
        move_alias(
            task=task,
            name=CHAMPION,
            version=target,
            kind=Kind.AUTOMATIC_ROLLBACK if automatic else Kind.ROLLBACK,
            reason=reason,
            by=by,
        )
        VERSION_ROLLED_BACK.record(
            by=by,
            subject_id=alias.version_id,
            detail={"task": task, "to": target.number if target else None, "automatic": automatic},
        )
        return AliasChange.objects.filter(task=task, name=CHAMPION)[0]


def former_champion(task: str) -> ModelVersion | None:
    """The version that a rollback would bring back: the one promoted before the present one that may still serve.

    Going back twice goes back two promotions: what was rolled back is passed over.
    """
    served: list[int | None] = []
    changes = AliasChange.objects.filter(task=task, name=CHAMPION).order_by("pk")
    for kind, to in changes.values_list("kind", "to_version"):
        if kind in (Kind.FIRST, Kind.PROMOTION):
            served.append(to)
        else:
            while served and served[-1] != to:
                served.pop()
    usable = ModelVersion.objects.filter(stage__in=ModelVersion.SERVABLE, defect="").in_bulk(
        [pk for pk in served[:-1] if pk]
    )
    return next((usable[pk] for pk in reversed(served[:-1]) if pk in usable), None)
