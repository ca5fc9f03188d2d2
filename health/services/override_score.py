"""Override a score with a reason and an end, decide about one that needs a second person, end it; each told and scored again."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.events import EventType
from core.services.approvals import decide_approval, request_approval, withdraw_approval
from customers.models import Account
from health.events import (
    OVERRIDE_ASKED,
    OVERRIDE_DECIDED,
    OVERRIDE_ENDED,
    OVERRIDE_EXPIRED,
    OVERRIDE_SET,
)
from health.models import HealthOverride, HealthSnapshot
from health.overriding import Override, overridden
from health.registry import signals
from health.scorecard import Cap, measures_from, score_of
from health.services.score_due import mark_score_due
from people.viewer import Viewer, system_viewer

APPROVAL_KIND = "health.override"
SUBJECT_KIND = "health_override"
DEFAULT_DAYS = 30
MOST_DAYS = 90
RAISE_POINTS = 20.0
SHORTEST_REASON = 10

State = HealthOverride.State


def set_override(
    *,
    account: Account,
    kind: str,
    value: float,
    reason: str,
    by: Viewer,
    signal: str = "",
    days: int = DEFAULT_DAYS,
) -> HealthOverride:
    """Override the score, or one measure of it (``signal``), for ``days``; an open one of the same scope ends.

    When the account's ARR is in the top tenth and the score rises by 20 points or more, the override waits until a second
    person approves. Needs ``health.override``; raises ValidationError naming the field.
    """
    by.require("health.override")
    reason = _checked(kind, value, reason, signal, days)
    now = timezone.now()
    override = HealthOverride(
        account=account, signal=signal, kind=kind, value=float(value), reason=reason, created_at=now,
        created_by_id=by.user_id, starts_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    override.model_score, override.score = effect_now(override)
    raised = (override.score or 0.0) - (override.model_score or 0.0)
    waits = raised >= RAISE_POINTS and is_among_largest(account)
    try:
        with transaction.atomic():
            for former in HealthOverride.objects.open().filter(account=account, signal=signal):
                end_override(override=former, by=by)
            if waits:
                override.state, override.starts_at = State.PENDING, None
            override.save()
            if waits:
                override.approval = request_approval(
                    kind=APPROVAL_KIND,
                    subject_kind=SUBJECT_KIND,
                    subject_id=override.pk,
                    by=by,
                    reason=reason,
                )
                override.save(update_fields=["approval"])
            _tell(OVERRIDE_ASKED if waits else OVERRIDE_SET, override, by)
    except IntegrityError:
        raise ValidationError({"signal": _("Somebody else has just overridden this.")}) from None
    return override


def _checked(kind: str, value: float, reason: str, signal: str, days: int) -> str:
    errors = {}
    if kind not in HealthOverride.Kind.values:
        errors["kind"] = _("Choose value, floor or ceiling.")
    if not 0 <= value <= 100:
        errors["value"] = _("A score lies between 0 and 100.")
    if signal and signal not in signals:
        errors["signal"] = _("There is no such signal.")
    if not 1 <= days <= MOST_DAYS:
        errors["days"] = _("An override counts for 1 to 90 days.")
    if len(reason.strip()) < SHORTEST_REASON:
        errors["reason"] = _("Say why in a sentence; it is compared with what happens.")
    if errors:
        raise ValidationError(errors)
    return reason.strip()


@transaction.atomic
def decide_override(
    *, override: HealthOverride, approve: bool, by: Viewer, comment: str = ""
) -> HealthOverride:
    """Let an override of somebody else's count from now on, or refuse it.

    Needs ``health.approve``; raises PermissionDenied for one's own, ValidationError when it waits no longer.
    """
    by.require("health.approve")
    override = HealthOverride.objects.select_for_update(of=("self",)).get(pk=override.pk)
    if override.state != State.PENDING or override.approval is None:
        raise ValidationError(_("This override does not wait for a decision."))
    decide_approval(approval=override.approval, approve=approve, by=by, comment=comment)
    override.state = State.ACTIVE if approve else State.REFUSED
    if approve:
        override.starts_at = timezone.now()
    else:
        override.ended_at, override.ended_by_id = timezone.now(), by.user_id
    override.save()
    _tell(OVERRIDE_DECIDED, override, by)
    return override


@transaction.atomic
def end_override(*, override: HealthOverride, by: Viewer) -> bool:
    """End an override that counts or waits; returns whether it was open. Needs ``health.override``."""
    by.require("health.override")
    override = HealthOverride.objects.select_for_update(of=("self",)).get(pk=override.pk)
    if override.state not in (State.PENDING, State.ACTIVE):
        return False
    if override.state == State.PENDING and override.approval is not None:
        withdraw_approval(approval=override.approval, by=by)
    override.state, override.ended_at, override.ended_by_id = State.ENDED, timezone.now(), by.user_id
    override.save()
    _tell(OVERRIDE_ENDED, override, by)
    return True


def expire_overrides(*, now: datetime | None = None) -> int:
    """Close overrides whose time is over and return how many. They stopped counting at that moment already."""
    moment, by = now or timezone.now(), system_viewer("task")
    with transaction.atomic():
        over = list(
            HealthOverride.objects.open().select_for_update(of=("self",)).filter(expires_at__lte=moment)
        )
        for override in over:
            if override.state == State.PENDING and override.approval is not None:
                withdraw_approval(approval=override.approval, by=by)
            override.state, override.ended_at = State.EXPIRED, override.expires_at
            override.save(update_fields=["state", "ended_at"])
            _tell(OVERRIDE_EXPIRED, override, by)
    return len(over)


def effect_now(override: HealthOverride) -> tuple[float | None, float | None]:
    """Return the model's newest score of the account and what the override alone makes of it; None when unknown."""
    snapshot = HealthSnapshot.objects.filter(account=override.account_id).order_by("-as_of").first()
    parts = snapshot.parts if snapshot else []
    caps = [Cap(cap["key"], cap["ceiling"]) for cap in (snapshot.knock_outs if snapshot else [])]
    score = score_of(measures_from(parts), caps)
    one = Override(0, override.signal, override.kind, override.value)
    return score.final, overridden(score, [one]).final


def is_among_largest(account: Account) -> bool:
    """Say whether the ARR of an account is in the top tenth of the customers'."""
    living = Account.objects.filter(churned_on=None)
    place = living.count() // 10
    arrs = living.order_by("-arr").values_list("arr", flat=True)[place : place + 1]
    return bool(account.arr > 0 and (not arrs or account.arr >= arrs[0]))


def _tell(event: EventType, override: HealthOverride, by: Viewer) -> None:
    """Record what happened and have the account scored again."""
    event.record(
        by=by,
        subject_id=override.pk,
        account_id=override.account_id,
        detail={
            "signal": override.signal,
            "kind": override.kind,
            "value": override.value,
            "reason": override.reason,
            "state": override.state,
            "expires_at": override.expires_at,
            "model_score": override.model_score,
        },
    )
    mark_score_due(account_ids=[override.account_id], reason="health.override")
