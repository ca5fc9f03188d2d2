"""Create, change and delete SLA policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core import guarded_http
from core.changes import apply_changes
from core.models import Calendar
from people.models import User
from people.viewer import Viewer
from tickets.conditions import asks_for_me, check_condition, clauses, depends_on_time
from tickets.events import SLA_POLICY_DELETED, SLA_POLICY_SAVED
from tickets.models import SLAPolicy, SLAPolicyVersion, SLAStep, SLATarget, Ticket
from tickets.sla import PROMISES
from tickets.sla_versions import terms_of

# What the promise itself moves cannot decide which promise holds.
CIRCULAR = frozenset({"next_due_at", "breached", "escalation_level"})
MOST_STEPS = 20
LONGEST_SECONDS = 10_000 * 3600
LONGEST_MINUTES = 60 * 24 * 60


@dataclass(frozen=True)
class TargetSpec:
    """Promised business seconds for one priority; None: not promised."""

    first_response: int | None = None
    next_response: int | None = None
    resolution: int | None = None

    def as_list(self) -> list[int | None]:
        """Return first answer, next answer, solution."""
        return [self.first_response, self.next_response, self.resolution]


@dataclass(frozen=True)
class StepSpec:
    """A step as ``SLAStep`` has it. ``signing_token`` of an existing step keeps the key of its webhook."""

    timing: str
    amount: int
    action: str
    promise: str = ""
    recipient: str = SLAStep.Recipient.OWNER
    person: User | None = None
    url: str = ""
    signing_token: str = ""

    def columns(self) -> dict[str, Any]:
        """Return the columns that say what the step does."""
        return {
            "promise": self.promise,
            "timing": self.timing,
            "amount": self.amount,
            "action": self.action,
            "recipient": self.recipient,
            "person": self.person,
            "url": self.url,
        }


@transaction.atomic
def save_sla_policy(
    *,
    name: str,
    position: int,
    condition: object,
    calendar: Calendar | None,
    targets: Mapping[str, TargetSpec],
    by: Viewer,
    steps: Sequence[StepSpec] | None = None,
    is_active: bool = True,
    policy: SLAPolicy | None = None,
) -> SLAPolicy:
    """Save a policy as its next version; without ``policy`` a new one.

    ``targets`` maps a priority to its promises; a priority left out has none. ``steps`` None leaves the steps as they are.
    Tickets that run get the new deadlines from ``start_recompute`` or when they next change. Raises ValidationError naming
    the field.
    """
    by.require("settings.manage")
    row, changes = _filled(name, position, condition, calendar, targets, is_active, policy)
    _check_steps(steps or ())
    row.full_clean()
    is_new = row.pk is None
    if is_new:
        row.save()
    before = {target.priority: _seconds(target) for target in row.targets.all()}
    after = {priority: spec.as_list() for priority, spec in targets.items()}
    if before != after:
        changes["targets"] = [before, after]
        _write_targets(row, targets)
    if steps is not None:
        changes |= _write_steps(row, steps)
    if changes and not is_new:
        row.version += 1
        row.save()
    if changes or is_new:
        keep_version(policy=row, by=by)
        SLA_POLICY_SAVED.record(by=by, subject_id=row.pk, detail={**changes, "version": row.version})
    return row


def keep_version(*, policy: SLAPolicy, by: Viewer) -> SLAPolicyVersion:
    """Keep the terms of the policy's present version, once, in the caller's transaction: deadlines go on to name it."""
    kept, _created = SLAPolicyVersion.objects.get_or_create(
        policy=policy,
        version=policy.version,
        defaults={"terms": terms_of(policy), "saved_by_id": by.user_id},
    )
    return kept


def proposed_policy(
    *,
    name: str,
    position: int,
    condition: object,
    calendar: Calendar | None,
    targets: Mapping[str, TargetSpec],
    is_active: bool = True,
    policy: SLAPolicy | None = None,
) -> SLAPolicy:
    """Check a policy as saving would and return it unsaved, to preview what it would do. Raises ValidationError."""
    row, _changes = _filled(name, position, condition, calendar, targets, is_active, policy)
    row.full_clean()
    return row


def _filled(
    name: str,
    position: int,
    condition: object,
    calendar: Calendar | None,
    targets: Mapping[str, TargetSpec],
    is_active: bool,
    policy: SLAPolicy | None,
) -> tuple[SLAPolicy, dict[str, Any]]:
    """The row with its new values, and what differs; nothing is written."""
    checked = check_policy_condition(condition)
    _check_targets(targets)
    row = SLAPolicy() if policy is None else SLAPolicy.objects.select_for_update().get(pk=policy.pk)
    changes: dict[str, Any] = apply_changes(
        row, name=name.strip(), position=position, condition=checked, calendar=calendar, is_active=is_active
    )
    return row, changes


def check_policy_condition(condition: object) -> dict[str, Any]:
    """Return a condition that can decide on a promise; raises ValidationError for one that changes with time or person."""
    try:
        checked = check_condition(condition)
    except ValidationError as error:
        raise ValidationError({"condition": error.messages}) from error
    if asks_for_me(checked):
        raise ValidationError({"condition": _("A promise cannot mean something else for every person.")})
    if depends_on_time(checked):
        raise ValidationError({"condition": _("A promise cannot change by the passing of time alone.")})
    if any(clause["field"] in CIRCULAR for clause in clauses(checked)):
        raise ValidationError({"condition": _("A promise cannot depend on its own deadline.")})
    return checked


def _check_targets(targets: Mapping[str, TargetSpec]) -> None:
    if not targets:
        raise ValidationError(_("A policy needs the targets of at least one priority."))
    if unknown := set(targets) - set(Ticket.Priority.values):
        raise ValidationError({"targets": _("Unknown priority: %s.") % ", ".join(sorted(unknown))})
    for priority, spec in targets.items():
        label = Ticket.Priority(priority).label
        given = [seconds for seconds in spec.as_list() if seconds is not None]
        if not given:
            raise ValidationError({"targets": _("%s: promise at least one of the three.") % label})
        if not all(0 < seconds <= LONGEST_SECONDS for seconds in given):
            raise ValidationError({"targets": _("%s: targets are longer than zero.") % label})
        if spec.resolution is not None and spec.resolution < (spec.first_response or 0):
            raise ValidationError(
                {f"resolution_{priority}": _("A solution cannot be promised before the first answer.")}
            )


def _check_steps(steps: Sequence[StepSpec]) -> None:
    if len(steps) > MOST_STEPS:
        raise ValidationError({"steps": _("A policy has at most %d steps.") % MOST_STEPS})
    for number, step in enumerate(steps, 1):
        if problem := _step_problem(step):
            raise ValidationError(
                {"steps": _("Step %(number)d: %(problem)s") % {"number": number, "problem": problem}}
            )


def _step_problem(step: StepSpec) -> str:
    """Why a step cannot be taken, empty when it can."""
    if step.timing not in SLAStep.Timing.values or step.action not in SLAStep.Action.values:
        return _("choose when and what.")
    if step.promise and step.promise not in PROMISES:
        return _("choose a promise.")
    if step.timing == SLAStep.Timing.SHARE and not 1 <= step.amount <= 99:
        return _("give 1 to 99 per cent.")
    if not 0 <= step.amount <= LONGEST_MINUTES:
        return _("give at most 60 days.")
    needs_person = step.action == SLAStep.Action.REASSIGN or (
        step.action == SLAStep.Action.WARN and step.recipient == SLAStep.Recipient.PERSON
    )
    if needs_person and step.person is None:
        return _("choose the person.")
    if step.action == SLAStep.Action.WEBHOOK and not _is_address(step.url):
        return _(
            "give the address of a web server, with https:// or http:// and without a name and password in it."
        )
    return ""


def _is_address(url: str) -> bool:
    """Whether an address can be called as far as it can be told without looking its name up."""
    try:
        guarded_http.check_url(url)
    except guarded_http.RefusedAddress:
        return False
    return True


def _seconds(target: SLATarget) -> list[int | None]:
    return [target.first_response_seconds, target.next_response_seconds, target.resolution_seconds]


def _write_targets(row: SLAPolicy, targets: Mapping[str, TargetSpec]) -> None:
    row.targets.exclude(priority__in=targets).delete()
    for priority, spec in targets.items():
        SLATarget.objects.update_or_create(
            policy=row,
            priority=priority,
            defaults={
                "first_response_seconds": spec.first_response,
                "next_response_seconds": spec.next_response,
                "resolution_seconds": spec.resolution,
            },
        )


def _write_steps(row: SLAPolicy, steps: Sequence[StepSpec]) -> dict[str, Any]:
    """Bring the rows of steps in line; a step that does the same as before stays the same row, with what it has done.

    Returns the steps before and after as the event keeps them, empty when nothing differs.
    """
    present = list(row.steps.all())
    before = [_step_values(step) for step in present]
    told_before = [_step_told(step) for step in present]
    spare = list(present)
    for position, spec in enumerate(steps):
        columns = spec.columns()
        step = next((one for one in spare if all(getattr(one, key) == columns[key] for key in columns)), None)
        if step is None:
            step = SLAStep(policy=row, **columns)
            if spec.signing_token and any(one.signing_token == spec.signing_token for one in present):
                step.signing_token = spec.signing_token
        else:
            spare.remove(step)
        step.position = position
        step.save()
    for gone in spare:
        gone.delete()
    after = list(SLAStep.objects.filter(policy=row))
    if before == [_step_values(step) for step in after]:
        return {}
    return {"steps": [told_before, [_step_told(step) for step in after]]}


def _step_values(step: SLAStep) -> list[Any]:
    return [step.promise, step.timing, step.amount, step.action, step.recipient, step.person_id, step.url]


def _step_told(step: SLAStep) -> list[Any]:
    """What an event keeps of a step: of its address only the host."""
    return [*_step_values(step)[:-1], step.host]


@transaction.atomic
def delete_sla_policy(*, policy: SLAPolicy, by: Viewer) -> None:
    """Delete a policy; its tickets keep their deadlines until they are next computed."""
    by.require("settings.manage")
    number, name = policy.pk, policy.name
    policy.delete()
    SLA_POLICY_DELETED.record(by=by, subject_id=number, detail={"name": name})
