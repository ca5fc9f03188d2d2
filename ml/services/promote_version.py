"""Put a version into service: the alias ``champion`` of its task points to it from the next prediction on."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Approval
from ml.events import VERSION_PROMOTED
from ml.models import AliasChange, ModelAlias, ModelVersion
from ml.services.move_alias import move_alias
from ml.services.propose_version import APPROVAL_KIND, SUBJECT_KIND, passed_gates, withdraw_proposals
from people.viewer import Viewer

CHAMPION = ModelAlias.Name.CHAMPION
Stage = ModelVersion.Stage
Kind = AliasChange.Kind


def promote_version(*, version: ModelVersion, by: Viewer, reason: str = "") -> ModelAlias:
    """Make the version its task's champion; the former one stays approved, so that it can come back.

    A second person has approved it. Only the first version that a task ever has may do without, when it passed every gate;
    its history says so. Raises PermissionDenied without ``ml.manage`` and ValidationError for a version that may not serve.
    """
    by.require("ml.manage")
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        alias = ModelAlias.objects.select_for_update().filter(task=version.task, name=CHAMPION).first()
        if alias is not None and alias.version_id == version.pk:
            return alias
        approval = _approval_of(version)
        alias = move_alias(
            task=version.task,
            name=CHAMPION,
            version=version,
            kind=Kind.PROMOTION if approval else Kind.FIRST,
            approval=approval,
            reason=reason,
            by=by,
        )
        withdraw_proposals(version=version, by=by)
        VERSION_PROMOTED.record(
            by=by,
            subject_id=version.pk,
            detail={"task": version.task, "number": version.number, "approval": approval and approval.pk},
        )
    if alias is None:  # pragma: no cover - a version was given
        raise AssertionError("an alias without a version")
    return alias


def _approval_of(version: ModelVersion) -> Approval | None:
    """The approval that lets the version serve; None for a first version. Raises ValidationError when neither is there."""
    if version.stage in (Stage.REJECTED, Stage.RETIRED):
        raise ValidationError(_("A version that was rejected or retired cannot serve."))
    approval = Approval.objects.filter(
        kind=APPROVAL_KIND, subject_kind=SUBJECT_KIND, subject_id=version.pk, state=Approval.State.APPROVED
    ).first()
    if approval is not None:
        return approval
    if AliasChange.objects.filter(task=version.task, name=CHAMPION).exists():
        raise ValidationError(_("Another person has to approve this version first."))
    if not passed_gates(version):
        raise ValidationError(_("This version has not passed the gates."))
    return None


def may_be_first(version: ModelVersion) -> bool:
    """Whether the version may serve without a second person: its task has never had a champion, and it passed every gate."""
    return (
        version.stage == Stage.CANDIDATE
        and not AliasChange.objects.filter(task=version.task, name=CHAMPION).exists()
        and passed_gates(version)
    )
