"""Take an account out of one's Today queue: done, or later."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import TODAY_MARKED
from customers.models import Account, TodayMark
from customers.today import DONE_FOR
from people.viewer import Viewer

SNOOZES = (1, 3, 7, 14)


@transaction.atomic
def mark_today(
    *, account: Account, by: Viewer, days: int | None = None, now: datetime | None = None
) -> TodayMark:
    """Put an account out of the viewer's own queue: for ``days`` (one of SNOOZES), or as done for a week. Others still see it.

    Needs ``customers.edit`` and a person. Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    if by.user_id is None:
        raise ValidationError({"account": _("Only people have a queue.")})
    if days is not None and days not in SNOOZES:
        raise ValidationError({"days": _("Choose one of: %s.") % ", ".join(map(str, SNOOZES))})
    now = now or timezone.now()
    until = now + (DONE_FOR if days is None else timedelta(days=days))
    mark, _made = TodayMark.objects.update_or_create(
        account=account,
        user_id=by.user_id,
        defaults={"is_done": days is None, "until": until, "marked_at": now},
    )
    TODAY_MARKED.record(
        by=by, subject_id=account.pk, account_id=account.pk, detail={"done": days is None, "until": until}
    )
    return mark
