"""Enrol an account in a playbook, and say why not."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from customers.models import Account
from people.viewer import Viewer
from success.events import ACCOUNT_ENROLLED
from success.holdout import is_held_out
from success.models import Enrolment, Playbook


class EnrolmentRefused(Exception):
    """The account may not enter now; the text says why."""


def enrol_account(
    *,
    playbook: Playbook,
    account: Account,
    by: Viewer,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    ignore_cooldown: bool = False,
    cause: Event | None = None,
) -> Enrolment:
    """Return the new enrolment: active, or control when the account belongs to the holdout group.

    Needs ``success.act``. Raises EnrolmentRefused for churned accounts, a playbook that is off, an enrolment that is
    active, or one that began within the cooldown (``ignore_cooldown`` is for a person who decides so).
    """
    by.require("success.act")
    try:
        with transaction.atomic():
            return _enrol(playbook, account, by, reason, evidence or {}, ignore_cooldown, cause)
    except IntegrityError as error:
        raise EnrolmentRefused(_("The account is already in this playbook.")) from error


def _enrol(
    playbook: Playbook,
    account: Account,
    by: Viewer,
    reason: str,
    evidence: Mapping[str, Any],
    ignore_cooldown: bool,
    cause: Event | None,
) -> Enrolment:
    now = timezone.now()
    account = Account.objects.select_for_update().get(pk=account.pk)
    refused = _refusal(playbook, account, ignore_cooldown=ignore_cooldown)
    if refused:
        raise EnrolmentRefused(refused)
    held_out = is_held_out(scope=playbook.key, account_id=account.pk, percent=playbook.holdout_percent)
    enrolment = Enrolment.objects.create(
        playbook=playbook,
        playbook_version=playbook.version,
        steps=playbook.steps,
        account=account,
        state=Enrolment.State.CONTROL if held_out else Enrolment.State.ACTIVE,
        reason=reason[:300],
        evidence=dict(evidence),
        next_step_at=None if held_out else now,
        entered_at=now,
        ended_at=now if held_out else None,
        exit_reason=_("Control group: nothing is done.") if held_out else "",
    )
    ACCOUNT_ENROLLED.record(
        by=by,
        subject_id=enrolment.pk,
        account_id=account.pk,
        detail={"playbook": playbook.name, "reason": reason, "arm": "control" if held_out else "treated"},
        cause=cause,
    )
    return enrolment


def _refusal(playbook: Playbook, account: Account, *, ignore_cooldown: bool) -> str:
    """Return why the account may not enter, or ""."""
    if account.lifecycle == Account.Lifecycle.CHURNED:
        return _("The account is no longer a customer.")
    if not playbook.is_active:
        return _("The playbook is switched off.")
    last = playbook.enrolments.filter(account=account).order_by("-entered_at").first()
    if last is not None and last.state == Enrolment.State.ACTIVE:
        return _("The account is already in this playbook.")
    if last is not None and not ignore_cooldown:
        free_at = last.entered_at + timedelta(days=playbook.cooldown_days)
        if free_at > timezone.now():
            return _("The account was in this playbook less than %(days)s days ago.") % {
                "days": playbook.cooldown_days
            }
    return ""
