"""What was looked at before a version may serve, who asked, who decided, and the steps that are open to the viewer."""

from typing import Any

from django.db.models import Q

from core.models import Approval
from ml.models import GateResult, ModelAlias, ModelVersion
from ml.services.promote_version import may_be_first
from ml.services.propose_version import APPROVAL_KIND, SUBJECT_KIND
from people.viewer import Viewer

Stage = ModelVersion.Stage
State = GateResult.State


def approval_box(
    version: ModelVersion, live: ModelVersion | None, aliases: dict[str, ModelAlias], viewer: Viewer
) -> dict[str, Any]:
    """What was looked at, who asked, who decided, and the steps that are open to the viewer."""
    verdicts = list(version.gates.all())
    passed = [gate for gate in verdicts if gate.state == State.PASSED]
    skipped = [gate for gate in verdicts if gate.state == State.SKIPPED]
    failed = [gate for gate in verdicts if gate.state == State.FAILED]
    approval = (
        Approval.objects.filter(kind=APPROVAL_KIND, subject_kind=SUBJECT_KIND, subject_id=version.pk)
        .filter(~Q(state=Approval.State.WITHDRAWN))
        .select_related("requested_by", "decided_by")
        .first()
    )
    pending = approval is not None and approval.state == Approval.State.PENDING
    own = viewer.user_id is not None and (
        version.created_by_id == viewer.user_id
        or (approval is not None and approval.requested_by_id == viewer.user_id)
    )
    manage, candidate = viewer.can("ml.manage"), version.stage == Stage.CANDIDATE
    serves = live is not None and live.pk == version.pk
    return {
        "version": version,
        "passed": passed,
        "skipped": skipped,
        "failed": failed,
        "judged": bool(verdicts),
        "total": len(verdicts) - len(skipped),
        "approval": approval,
        "pending": pending,
        "may_propose": manage
        and candidate
        and not pending
        and bool(verdicts)
        and not failed
        and viewer.user_id is not None,
        "may_decide": viewer.can("ml.approve") and pending and candidate and not own,
        "waits_for_others": pending and own,
        "may_promote": manage and not serves and (version.stage == Stage.APPROVED or may_be_first(version)),
        "may_shadow": manage
        and version.stage in (Stage.CANDIDATE, Stage.APPROVED)
        and "shadow" not in aliases
        and not serves,
        "may_canary": manage and version.stage == Stage.APPROVED and "canary" not in aliases and not serves,
        "serves": serves,
        "blocked": version.stage in (Stage.REJECTED, Stage.RETIRED),
    }
