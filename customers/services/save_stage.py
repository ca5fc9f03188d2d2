"""Change the stages of customers: names, order, rules."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.changes import apply_changes
from customers.events import STAGE_SAVED
from customers.models import Account, Stage
from customers.segments import check_definition
from people.viewer import Viewer

EDITABLE = ("name", "phase", "position", "is_active", "is_automatic", "entry", "exit", "stall_days")
MOST_STAGES = 20


@transaction.atomic
def save_stage(*, values: Mapping[str, Any], by: Viewer, stage: Stage | None = None) -> Stage:
    """Save a stage (keys of EDITABLE); without ``stage`` a new one. Needs ``settings.manage``.

    The last stage in use of a phase stays, because accounts of that lifecycle must be somewhere. Raises ValidationError naming
    the field.
    """
    by.require("settings.manage")
    row = Stage() if stage is None else Stage.objects.select_for_update().get(pk=stage.pk)
    wanted = {name: values[name] for name in EDITABLE if name in values}
    for rule in ("entry", "exit"):
        if rule in wanted:
            wanted[rule] = _rule(rule, wanted[rule], by)
    if stage is None:
        if Stage.objects.count() >= MOST_STAGES:
            raise ValidationError({"name": _("There are %d stages already.") % MOST_STAGES})
        row.key = _key(str(wanted.get("name", "")))
    changes = apply_changes(row, **wanted)
    row.full_clean()
    if row.is_end and (row.entry or row.exit):
        raise ValidationError({"entry": _("The end of the relation comes from revenue, not from a rule.")})
    _keep_phases(row)
    row.save()
    if changes or stage is None:
        STAGE_SAVED.record(by=by, subject_id=row.pk, detail={"stage": row.key, **changes})
    return row


def _rule(name: str, rule: object, by: Viewer) -> dict[str, Any]:
    try:
        return check_definition(rule, by)
    except ValidationError as error:
        raise ValidationError({name: error.messages}) from error


def _key(name: str) -> str:
    wanted = slugify(name)[:40]
    if not wanted or Stage.objects.filter(key=wanted).exists():
        raise ValidationError({"name": _("Give a name that no other stage has.")})
    return wanted


def _keep_phases(row: Stage) -> None:
    others = set(Stage.objects.filter(is_active=True).exclude(pk=row.pk).values_list("phase", flat=True))
    present = others | ({row.phase} if row.is_active else set())
    missing = [str(label) for value, label in Account.Lifecycle.choices if value not in present]
    if missing:
        told = {"phase": ", ".join(missing)}
        raise ValidationError({"is_active": _("One stage must count as: %(phase)s.") % told})
