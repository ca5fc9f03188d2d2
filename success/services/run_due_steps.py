"""Take enrolments whose time has come one step further."""

import logging
import time
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer, system_viewer
from success.events import ENROLMENT_ENDED
from success.exit_rules import exit_reason
from success.models import Enrolment, StepRun
from success.registry import playbook_steps
from success.services.close_cleared_ctas import close_cleared_ctas

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5
RETRY = timedelta(minutes=5)


def run_due_steps(*, budget_seconds: float = 40.0) -> int:
    """Run due steps until none is left or the budget is over; returns the number of steps run.

    An enrolment is leased first. The step, its run and the move to the next step are one transaction: a kill at any
    point leaves either all or nothing of it, and the unique run per step stops whoever comes second.
    """
    deadline = time.monotonic() + budget_seconds
    close_cleared_ctas(by=system_viewer("task"))
    ran = 0
    while time.monotonic() < deadline:
        enrolment_id = _claim(timezone.now())
        if enrolment_id is None:
            break
        ran += advance_enrolment(enrolment_id=enrolment_id)
    return ran


def _claim(now: datetime) -> int | None:
    """Lease the enrolment that has waited longest; returns its id, None when nothing is due."""
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = Enrolment.objects.filter(free, state=Enrolment.State.ACTIVE, next_step_at__lte=now)
    for pk in due.order_by("next_step_at", "pk").values_list("pk", flat=True)[:5]:
        if Enrolment.objects.filter(free, pk=pk).update(leased_until=now + LEASE):
            return pk
    return None


def advance_enrolment(*, enrolment_id: int) -> bool:
    """Run the next step of one enrolment; returns whether a step ran (False: it left, failed or was not due)."""
    try:
        with transaction.atomic():
            return _advance(enrolment_id, timezone.now(), system_viewer("task"))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.warning("step of enrolment %s failed", enrolment_id, exc_info=True)
        with transaction.atomic():
            _note_failure(enrolment_id, error)
        return False


def _advance(enrolment_id: int, now: datetime, by: Viewer) -> bool:
    # Locked, so that a worker whose lease ran out and its successor cannot both run the step.
    enrolment = (
        Enrolment.objects.select_for_update(of=("self",))
        .select_related("playbook", "account__csm")
        .get(pk=enrolment_id)
    )
    if (
        enrolment.state != Enrolment.State.ACTIVE
        or enrolment.next_step_at is None
        or enrolment.next_step_at > now
    ):
        return False
    reason = exit_reason(enrolment, now)
    if reason:
        _end(enrolment, Enrolment.State.EXITED, reason, now, by)
        return False
    if enrolment.step_index >= len(enrolment.steps):
        _end(enrolment, Enrolment.State.DONE, "", now, by)
        return False
    config = enrolment.steps[enrolment.step_index]
    step = playbook_steps.get(config["kind"])
    run = StepRun.objects.create(enrolment=enrolment, index=enrolment.step_index, kind=step.key, ran_at=now)
    outcome = step.run(enrolment, config, enrolment.step_index, now)
    run.outcome = outcome.text[:200]
    run.save(update_fields=["outcome"])
    enrolment.step_index += 1
    enrolment.next_step_at = now + outcome.rest
    enrolment.leased_until = None
    enrolment.attempts = 0
    enrolment.last_error = ""
    enrolment.save()
    if enrolment.step_index >= len(enrolment.steps) and not outcome.rest:
        _end(enrolment, Enrolment.State.DONE, "", now, by)
    return True


def _end(enrolment: Enrolment, state: Enrolment.State, reason: str, now: datetime, by: Viewer) -> None:
    enrolment.state = state
    enrolment.exit_reason = reason[:200]
    enrolment.ended_at = now
    enrolment.next_step_at = None
    enrolment.leased_until = None
    enrolment.save()
    ENROLMENT_ENDED.record(
        by=by,
        subject_id=enrolment.pk,
        account_id=enrolment.account_id,
        detail={"playbook": enrolment.playbook.name, "state": state.value, "reason": reason},
    )


def _note_failure(enrolment_id: int, error: Exception) -> None:
    enrolment = (
        Enrolment.objects.select_related("playbook").select_for_update(of=("self",)).get(pk=enrolment_id)
    )
    now = timezone.now()
    enrolment.attempts += 1
    enrolment.last_error = f"{type(error).__name__}: {error}"[:2000]
    if enrolment.attempts >= MAX_ATTEMPTS:
        _end(enrolment, Enrolment.State.EXITED, _("A step failed five times."), now, system_viewer("task"))
        return
    enrolment.next_step_at = now + RETRY * enrolment.attempts
    enrolment.leased_until = None
    enrolment.save()
