"""Write down that somebody was in touch with a customer: a call, a meeting, a note."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from customers.events import TOUCH_LOGGED
from customers.models import Account
from people.viewer import Viewer


class TouchKind(models.TextChoices):
    """How one was in touch."""

    CALL = "call", gettext_lazy("Call")
    MEETING = "meeting", gettext_lazy("Meeting")
    EMAIL = "email", gettext_lazy("E-mail")
    NOTE = "note", gettext_lazy("Note")


@transaction.atomic
def log_touch(*, account: Account, kind: str, text: str, by: Viewer, at: datetime | None = None) -> Event:
    """Record the touch on the account's timeline and move its last touch forward; raises ValidationError."""
    by.require("customers.edit")
    now = timezone.now()
    moment = at or now
    if kind not in TouchKind.values:
        raise ValidationError({"kind": _("Choose a call, a meeting, an e-mail or a note.")})
    if moment > now:
        raise ValidationError({"at": _("This is in the future.")})
    older = Q(last_touch_at=None) | Q(last_touch_at__lt=moment)
    Account.objects.filter(older, pk=account.pk).update(last_touch_at=moment)
    return TOUCH_LOGGED.record(
        by=by,
        subject_id=account.pk,
        account_id=account.pk,
        occurred_at=moment,
        detail={"kind": kind, "text": text.strip()[:2000]},
    )
