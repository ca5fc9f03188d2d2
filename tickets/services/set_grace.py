"""How long after its solution an answer of the customer reopens a ticket."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.events import GRACE_CHANGED
from tickets.services.receive_message import reopen_days

LONGEST_GRACE = 90


@transaction.atomic
def set_grace(*, days: int, by: Viewer) -> None:
    """Set the days of grace, 0 to 90; later answers open a ticket that follows up. Raises ValidationError."""
    by.require("settings.manage")
    if not 0 <= days <= LONGEST_GRACE:
        raise ValidationError({"days": _("Give 0 to %d days.") % LONGEST_GRACE})
    before = reopen_days()
    if before == days:
        return
    Setting.objects.update_or_create(pk="tickets.reopen_days", defaults={"value": days})
    GRACE_CHANGED.record(by=by, subject_id=0, detail={"days": [before, days]})
