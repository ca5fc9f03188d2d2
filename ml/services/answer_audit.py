"""What a person says about a drawn subject without having seen what the model said."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.models import AuditItem, Feedback
from ml.registry import ml_tasks
from ml.services.record_feedback import record_feedback
from people.viewer import Viewer

State = AuditItem.State


def answer_audit(*, item: AuditItem, label: str, by: Viewer) -> AuditItem:
    """Label an open item; the label also teaches the next training.

    Raises PermissionDenied without ``ml.audit`` or for a subject that ``by`` may not see, ValidationError for a label that the
    task does not have and for an item that is not open any more.
    """
    label = label.strip()
    choices = ml_tasks.get(item.task).choices()
    if not label or len(label) > 120 or (choices and label not in choices):
        raise ValidationError({"label": _("Choose one of: %s.") % ", ".join(choices)})
    return _close(item, by, State.ANSWERED, label)


def skip_audit(*, item: AuditItem, by: Viewer) -> AuditItem:
    """Leave out an item that cannot be judged; it counts nowhere."""
    return _close(item, by, State.SKIPPED, "")


@transaction.atomic
def _close(item: AuditItem, by: Viewer, state: AuditItem.State, label: str) -> AuditItem:
    by.require("ml.audit")
    if item.subject_id not in ml_tasks.get(item.task).shown([item.subject_id], by):
        raise PermissionDenied(_("You may not see what this is about."))
    changed = AuditItem.objects.filter(pk=item.pk, state=State.OPEN).update(
        state=state, label=label, user_id=by.user_id, answered_at=timezone.now()
    )
    if not changed:
        raise ValidationError(_("Somebody has dealt with this already."))
    if label:
        record_feedback(
            task=item.task,
            subject_kind=item.subject_kind,
            subject_id=item.subject_id,
            label=label,
            source=Feedback.Source.BLIND_AUDIT,
            by=by,
            inclusion_probability=item.inclusion_probability,
        )
    item.refresh_from_db()
    return item
