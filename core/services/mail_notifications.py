"""Put what people are to be told by mail into one mail per person and window."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from core.models import Notification
from core.notifications import WINDOW
from core.outbox import enqueue_outbound

SENDER_KIND = "core.notification_mail"
MOST_PEOPLE = 500


def mail_due_notifications(*, now: datetime | None = None) -> int:
    """Hand a mail to the outbox for everybody to whom something is due; returns the number of mails.

    What is due within the window goes along. What has been read meanwhile is left out.
    """
    now = now or timezone.now()
    due = Notification.objects.filter(mail_due_at__lte=now).order_by()
    people = due.values_list("user_id", flat=True).distinct()[:MOST_PEOPLE]
    return sum(_mail_one(user_id, now) for user_id in list(people))


@transaction.atomic
def _mail_one(user_id: int, now: datetime) -> int:
    """Take a person's waiting notifications; returns 1 when a mail came of it."""
    waiting = Notification.objects.select_for_update().filter(user_id=user_id, mail_due_at__lte=now + WINDOW)
    rows = list(waiting.order_by("pk"))
    if not any(row.mail_due_at is not None and row.mail_due_at <= now for row in rows):
        return 0
    unread = [row.pk for row in rows if row.read_at is None]
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(mail_due_at=None)
    if not unread:
        return 0
    Notification.objects.filter(pk__in=unread).update(mailed_at=now)
    enqueue_outbound(
        kind=SENDER_KIND,
        idempotency_key=f"notifications:{user_id}:{unread[-1]}",
        payload={"user": user_id, "notifications": unread},
    )
    return 1
