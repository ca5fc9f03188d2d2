"""Ask for a decision, decide, withdraw. The apps check who may; that two persons do it is checked here and in the table."""

from collections.abc import Sequence
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import Actor
from core.events import APPROVAL_DECIDED, APPROVAL_REQUESTED, APPROVAL_WITHDRAWN
from core.models import Approval

VALID_FOR = timedelta(days=30)
PERSON = "staff"


@transaction.atomic
def request_approval(
    *, kind: str, subject_kind: str, subject_id: int, by: Actor, reason: str, checklist: Sequence[str] = ()
) -> Approval:
    """Ask that somebody else decides; an open request is returned as it is. Raises PermissionDenied unless a person asks."""
    person = _person(by)
    approval, created = Approval.objects.get_or_create(
        kind=kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        state=Approval.State.PENDING,
        defaults={
            "requested_by_id": person,
            "reason": reason.strip(),
            "checklist": list(checklist),
            "expires_at": timezone.now() + VALID_FOR,
        },
    )
    if created:
        APPROVAL_REQUESTED.record(
            by=by, subject_id=approval.pk, detail={"kind": kind, subject_kind: subject_id}
        )
    return approval


@transaction.atomic
def decide_approval(*, approval: Approval, approve: bool, by: Actor, comment: str = "") -> Approval:
    """Approve or reject a request of somebody else's, once.

    Raises PermissionDenied for one's own request and for who is no person, ValidationError for one that is decided,
    withdrawn or out of date.
    """
    person = _person(by)
    approval = Approval.objects.select_for_update().get(pk=approval.pk)
    if approval.requested_by_id == person:
        raise PermissionDenied(_("Somebody else has to decide about your own request."))
    if approval.state != Approval.State.PENDING:
        raise ValidationError(_("This request is closed already."))
    if approval.expires_at is not None and approval.expires_at < timezone.now():
        raise ValidationError(_("This request is out of date; ask again."))
    approval.state = Approval.State.APPROVED if approve else Approval.State.REJECTED
    approval.decided_by_id, approval.decided_at = person, timezone.now()
    approval.comment = comment.strip()
    approval.save(update_fields=["state", "decided_by", "decided_at", "comment"])
    APPROVAL_DECIDED.record(
        by=by, subject_id=approval.pk, detail={"kind": approval.kind, "state": approval.state}
    )
    return approval


@transaction.atomic
def withdraw_approval(*, approval: Approval, by: Actor) -> bool:
    """Take an open request back; returns whether it was still open."""
    open_one = Approval.objects.filter(pk=approval.pk, state=Approval.State.PENDING)
    withdrawn = open_one.update(state=Approval.State.WITHDRAWN, decided_at=timezone.now())
    if withdrawn:
        APPROVAL_WITHDRAWN.record(by=by, subject_id=approval.pk, detail={"kind": approval.kind})
    return bool(withdrawn)


def _person(by: Actor) -> int:
    if by.actor_kind != PERSON or by.actor_id is None:
        raise PermissionDenied(_("Only a person can do this."))
    return by.actor_id
