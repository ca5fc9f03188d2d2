"""Create, change and delete SLA policies."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.models import Calendar
from customers.models import Account
from people.viewer import Viewer
from tickets.events import SLA_POLICY_DELETED, SLA_POLICY_SAVED
from tickets.models import SLAPolicy, SLATarget, Ticket


@transaction.atomic
def save_sla_policy(
    *,
    name: str,
    position: int,
    tiers: Collection[str],
    calendar: Calendar | None,
    targets: Mapping[str, tuple[int, int]],
    by: Viewer,
    is_active: bool = True,
    policy: SLAPolicy | None = None,
) -> SLAPolicy:
    """Save a policy; without ``policy`` a new one. Tickets that run already keep their deadlines.

    ``targets`` maps a priority to (first response, resolution) in business seconds; a priority left out has no promise.
    Raises ValidationError naming the field.
    """
    by.require("settings.manage")
    _check(tiers, targets)
    row = SLAPolicy() if policy is None else SLAPolicy.objects.select_for_update().get(pk=policy.pk)
    changes: dict[str, Any] = apply_changes(
        row,
        name=name.strip(),
        position=position,
        tiers=sorted(tiers),
        calendar=calendar,
        is_active=is_active,
    )
    row.full_clean()
    row.save()
    before = {
        target.priority: [target.first_response_seconds, target.resolution_seconds]
        for target in row.targets.all()
    }
    after = {priority: list(seconds) for priority, seconds in targets.items()}
    if before != after:
        row.targets.exclude(priority__in=after).delete()
        for priority, (first_response, resolution) in targets.items():
            SLATarget.objects.update_or_create(
                policy=row,
                priority=priority,
                defaults={"first_response_seconds": first_response, "resolution_seconds": resolution},
            )
        changes["targets"] = [before, after]
    if changes or policy is None:
        SLA_POLICY_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def delete_sla_policy(*, policy: SLAPolicy, by: Viewer) -> None:
    """Delete a policy; its tickets keep their deadlines."""
    by.require("settings.manage")
    number, name = policy.pk, policy.name
    policy.delete()
    SLA_POLICY_DELETED.record(by=by, subject_id=number, detail={"name": name})


def _check(tiers: Collection[str], targets: Mapping[str, tuple[int, int]]) -> None:
    if unknown := set(tiers) - set(Account.Tier.values):
        raise ValidationError({"tiers": _("Unknown tier: %s.") % ", ".join(sorted(unknown))})
    if not targets:
        raise ValidationError(_("A policy needs the targets of at least one priority."))
    for priority, (first_response, resolution) in targets.items():
        if priority not in Ticket.Priority.values or first_response <= 0:
            raise ValidationError(_("Targets are longer than zero."))
        if resolution < first_response:
            raise ValidationError(
                {f"resolution_{priority}": _("A solution cannot be promised before the first answer.")}
            )
