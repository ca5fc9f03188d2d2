"""The CSM says how healthy an account is."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account
from health.events import PULSE_GIVEN
from health.models import CsmPulse
from health.services.score_due import mark_score_due
from people.viewer import Viewer


@transaction.atomic
def give_pulse(*, account: Account, value: float, reason: str, by: Viewer) -> CsmPulse:
    """Store a judgement of 0 to 100 with its reason. Needs ``health.override``; raises ValidationError naming the field."""
    by.require("health.override")
    errors = {}
    if not 0 <= value <= 100:
        errors["value"] = _("A judgement lies between 0 and 100.")
    if not reason.strip():
        errors["reason"] = _("Say why in a sentence.")
    if errors:
        raise ValidationError(errors)
    now = timezone.now()
    pulse = CsmPulse.objects.create(
        account=account, value=float(value), reason=reason.strip(), given_at=now, recorded_at=now, given_by_id=by.user_id
    )  # fmt: skip
    PULSE_GIVEN.record(
        by=by,
        subject_id=pulse.pk,
        account_id=account.pk,
        detail={"value": pulse.value, "reason": pulse.reason},
    )
    mark_score_due(account_ids=[account.pk], reason="health.pulse_given")
    return pulse
