"""Four eyes: one person proposes a version, another one decides about it."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.models import Approval
from core.services.approvals import decide_approval, request_approval, withdraw_approval
from ml.models import GateResult, ModelVersion
from people.viewer import Viewer

APPROVAL_KIND = "ml.promote"
SUBJECT_KIND = "model_version"
Stage = ModelVersion.Stage


def propose_version(
    *, version: ModelVersion, by: Viewer, reason: str, checklist: Sequence[str] = ()
) -> Approval:
    """Ask that a candidate may serve. Raises PermissionDenied without ``ml.manage`` and for who is no person."""
    by.require("ml.manage")
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this version should serve.")})
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if version.stage != Stage.CANDIDATE:
            raise ValidationError(_("Only a candidate can be proposed."))
        if not passed_gates(version):
            raise ValidationError(_("This version has not passed the gates."))
        return request_approval(
            kind=APPROVAL_KIND,
            subject_kind=SUBJECT_KIND,
            subject_id=version.pk,
            by=by,
            reason=reason,
            checklist=checklist,
        )


def passed_gates(version: ModelVersion) -> bool:
    """Whether the gates have looked at the version and none failed."""
    states = set(version.gates.values_list("state", flat=True))
    return bool(states) and GateResult.State.FAILED not in states


def decide_version(*, version: ModelVersion, approve: bool, by: Viewer, comment: str = "") -> ModelVersion:
    """Approve or reject a proposed version. Not by who proposed it, and not by who trained it.

    Raises PermissionDenied for those, and without ``ml.approve``; ValidationError when nothing is proposed, and for a version
    that is no candidate any more.
    """
    by.require("ml.approve")
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if version.created_by_id is not None and version.created_by_id == by.user_id:
            raise PermissionDenied(_("Somebody else has to decide about a model that you trained."))
        approval = _proposals(version).first()
        if approval is None:
            raise ValidationError(_("Nobody has proposed this version."))
        if version.stage != Stage.CANDIDATE:
            raise ValidationError(_("Only a candidate can be approved or rejected."))
        decide_approval(approval=approval, approve=approve, by=by, comment=comment)
        version.stage = Stage.APPROVED if approve else Stage.REJECTED
        version.stage_reason = comment.strip()
        version.save(update_fields=["stage", "stage_reason"])
    return version


def withdraw_proposals(*, version: ModelVersion, by: Viewer) -> None:
    """Close what is asked about a version that needs no decision any more: it serves already or never will."""
    for approval in _proposals(version):
        withdraw_approval(approval=approval, by=by)


def _proposals(version: ModelVersion) -> QuerySet[Approval]:
    return Approval.objects.filter(
        kind=APPROVAL_KIND, subject_kind=SUBJECT_KIND, subject_id=version.pk, state=Approval.State.PENDING
    )
