"""A person's word that a frozen or paused task may go on."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.events import STOP_ENDED
from ml.models import RollbackEvent
from people.viewer import Viewer


@transaction.atomic
def end_stop(*, stop: RollbackEvent, by: Viewer) -> RollbackEvent:
    """End a freeze or a pause. Raises PermissionDenied without ``ml.manage``, ValidationError when none is in force."""
    by.require("ml.manage")
    ended = RollbackEvent.objects.in_force().filter(pk=stop.pk)
    if not ended.update(ended_at=timezone.now(), ended_by_id=by.user_id):
        raise ValidationError(_("It is not in force any more."))
    stop.refresh_from_db()
    STOP_ENDED.record(
        by=by, subject_id=stop.from_version_id, detail={"task": stop.task, "outcome": stop.outcome}
    )
    return stop
