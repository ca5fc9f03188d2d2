"""Take a version out of service without a person: once a day at most, to the champion before it or to the task's rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from core.services.notify_user import Notice, notify_people
from ml.events import TASK_STOPPED, TRIAL_STOPPED, VERSION_ROLLED_BACK
from ml.models import AliasChange, ModelAlias, ModelVersion, RollbackEvent
from ml.services.roll_back import roll_back
from ml.services.set_trial import end_trial
from people.selectors import people_who_may
from people.viewer import Viewer

PAUSE_BETWEEN = timedelta(hours=24)
Outcome = RollbackEvent.Outcome


@transaction.atomic
def roll_back_automatically(
    *, alias: ModelAlias, trigger: RollbackEvent.Trigger, evidence: Mapping[str, Any], by: Viewer
) -> RollbackEvent | None:
    """End the service of the alias's version; a canary's share goes back to the champion.

    Within a day of the last automatic rollback of the task, and while a person has it in hand, nothing moves: it is frozen,
    and told once. None when the alias has moved meanwhile or the freeze is known.
    """
    by.require("ml.manage")
    locked = ModelAlias.objects.select_for_update().select_related("version").filter(pk=alias.pk).first()
    if locked is None or locked.version_id != alias.version_id or locked.changed_at != alias.changed_at:
        return None
    stops = RollbackEvent.objects.filter(task=alias.task)
    if stops.filter(ended_at=None, outcome=Outcome.FROZEN).exists():
        return None
    if _moved_lately(locked):
        return _stop(locked.version, trigger, Outcome.FROZEN, evidence, by)
    bad = locked.version
    reason = str(RollbackEvent.Trigger(trigger).label)
    target = None
    if locked.name == ModelAlias.Name.CHAMPION:
        target = roll_back(task=alias.task, by=by, reason=reason, automatic=True).to_version
        event = Event.objects.filter(verb=VERSION_ROLLED_BACK.verb, subject_id=bad.pk).order_by("-pk")[0]
    else:
        end_trial(task=alias.task, name=locked.name, by=by, reason=reason)
        event = TRIAL_STOPPED.record(by=by, subject_id=bad.pk, detail={"task": bad.task, "trigger": trigger})
    row = RollbackEvent.objects.create(
        task=bad.task,
        trigger=trigger,
        outcome=Outcome.ROLLED_BACK,
        from_version=bad,
        to_version=target,
        evidence=dict(evidence),
    )
    _tell(row, event, by)
    return row


def _moved_lately(alias: ModelAlias) -> bool:
    """Whether a version was stopped within a day. A stopped canary moved nothing for the champion, which may still go."""
    since = timezone.now() - PAUSE_BETWEEN
    if alias.name == ModelAlias.Name.CHAMPION:
        automatic = AliasChange.objects.filter(kind=AliasChange.Kind.AUTOMATIC_ROLLBACK, name=alias.name)
        return automatic.filter(task=alias.task, at__gt=since).exists()
    stops = RollbackEvent.objects.filter(task=alias.task, outcome=Outcome.ROLLED_BACK)
    return stops.filter(at__gt=since).exists()


@transaction.atomic
def pause_task(
    *, version: ModelVersion, trigger: RollbackEvent.Trigger, evidence: Mapping[str, Any], by: Viewer
) -> RollbackEvent | None:
    """Let the task's answers be suggestions only until a person ends it; None when it is paused already."""
    by.require("ml.manage")
    paused = RollbackEvent.objects.filter(task=version.task, ended_at=None, outcome=Outcome.PAUSED)
    if paused.exists():
        return None
    return _stop(version, trigger, Outcome.PAUSED, evidence, by)


def _stop(
    version: ModelVersion,
    trigger: RollbackEvent.Trigger,
    outcome: RollbackEvent.Outcome,
    evidence: Mapping[str, Any],
    by: Viewer,
) -> RollbackEvent:
    row = RollbackEvent.objects.create(
        task=version.task, trigger=trigger, outcome=outcome, from_version=version, evidence=dict(evidence)
    )
    event = TASK_STOPPED.record(by=by, subject_id=version.pk, detail=_detail(row))
    _tell(row, event, by)
    return row


def _detail(row: RollbackEvent) -> dict[str, Any]:
    return {
        "task": row.task,
        "trigger": row.trigger,
        "outcome": row.outcome,
        "number": row.from_version.number,
        "to": row.to_version.number if row.to_version else None,
        "evidence": row.evidence,
    }


def _tell(row: RollbackEvent, event: Event, by: Viewer) -> None:
    words = {
        Outcome.ROLLED_BACK: _("%(model)s was taken out of service: %(why)s."),
        Outcome.FROZEN: _("%(model)s needs a decision, it was rolled back within a day before: %(why)s."),
        Outcome.PAUSED: _("%(model)s only suggests for now: %(why)s."),
    }
    text = words[Outcome(row.outcome)] % {
        "model": row.from_version.label,
        "why": RollbackEvent.Trigger(row.trigger).label,
    }
    notify_people(
        notices=[
            Notice(user_id=user_id, text=text, verb=event.verb, cause=event, group=f"ml:{row.task}")
            for user_id in people_who_may("ml.manage")
        ],
        by=by,
    )
