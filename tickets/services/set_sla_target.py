"""Say what share of all promises is meant to be kept."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.events import SLA_TARGET_CHANGED
from tickets.sla_target import SETTING, sla_target

LOWEST_PERCENT, HIGHEST_PERCENT = 50.0, 100.0


@transaction.atomic
def set_sla_target(*, percent: float, by: Viewer) -> None:
    """Set the target, 50 to 100 per cent with one decimal. Raises ValidationError naming the field."""
    by.require("settings.manage")
    if not LOWEST_PERCENT <= percent <= HIGHEST_PERCENT:
        raise ValidationError({"percent": _("Give 50 to 100 per cent.")})
    wanted, before = round(float(percent), 1), round(sla_target() * 100, 1)
    if before == wanted:
        return
    Setting.objects.update_or_create(pk=SETTING, defaults={"value": wanted})
    SLA_TARGET_CHANGED.record(by=by, subject_id=0, detail={"percent": [before, wanted]})
