"""Create and change playbooks, switch them on and off."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from success.events import PLAYBOOK_SAVED, PLAYBOOK_SWITCHED
from success.models import Playbook
from success.registry import clean_steps, playbook_triggers

EDITABLE = ("name", "description", "trigger", "trigger_config", "steps", "cooldown_days", "holdout_percent")


@transaction.atomic
def save_playbook(*, playbook: Playbook, values: Mapping[str, Any], by: Viewer) -> Playbook:
    """Store a new or changed playbook; a change of a stored one is a new version.

    ``values`` are keys of EDITABLE. Accounts that are in it keep the steps they entered with. Needs
    ``success.manage``; raises ValidationError.
    """
    by.require("success.manage")
    for name, value in values.items():
        if name not in EDITABLE:
            raise TypeError(f"not a field of a playbook: {name}")
        setattr(playbook, name, value)
    if playbook.trigger not in playbook_triggers:
        raise ValidationError({"trigger": _("Choose what starts the playbook.")})
    playbook.trigger_config = playbook_triggers.get(playbook.trigger).clean(playbook.trigger_config)
    playbook.steps = clean_steps(playbook.steps)
    if playbook.holdout_percent > 90:
        raise ValidationError({"holdout_percent": _("At most 90 % can be controls.")})
    if playbook.pk is not None:
        playbook.version += 1
    playbook.full_clean(exclude=["owner"])
    playbook.save()
    PLAYBOOK_SAVED.record(
        by=by, subject_id=playbook.pk, detail={"name": playbook.name, "version": playbook.version}
    )
    return playbook


@transaction.atomic
def switch_playbook(*, playbook: Playbook, is_active: bool, by: Viewer) -> bool:
    """Switch on or off; returns whether that changed anything. Off stops accounts before their next step or mail."""
    by.require("success.manage")
    changed = Playbook.objects.filter(pk=playbook.pk, is_active=not is_active).update(is_active=is_active)
    if changed:
        PLAYBOOK_SWITCHED.record(
            by=by, subject_id=playbook.pk, detail={"name": playbook.name, "is_active": is_active}
        )
    return bool(changed)
