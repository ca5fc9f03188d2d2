"""Mark notifications as read."""

from django.utils import timezone

from core.models import Notification


def mark_notifications(*, user_id: int, notification_id: int | None = None) -> int:
    """Mark all unread notifications of a person, or one with those of its group, as read; returns how many changed.

    Reading is no event: nobody asks for its history.
    """
    rows = Notification.objects.filter(user_id=user_id, read_at=None)
    if notification_id is not None:
        one = Notification.objects.filter(user_id=user_id, pk=notification_id).first()
        if one is None:
            return 0
        rows = rows.filter(group=one.group) if one.group else rows.filter(pk=one.pk)
    return rows.update(read_at=timezone.now())
