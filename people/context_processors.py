"""What every page's frame shows."""

from typing import Any

from django.http import HttpRequest

from core.models import Notification
from core.sequencing import last_seq


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the viewer; the unread notifications and the place in the order of events are read when the frame asks."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"viewer": getattr(request, "viewer", None)}
    return {
        "viewer": request.viewer,  # type: ignore[attr-defined]
        "unread_notifications": lambda: Notification.objects.filter(
            user_id=user.pk, in_app=True, read_at=None
        ).count(),
        "live_place": last_seq,
    }
