"""Empty the details of events that tell about a person. The events and their digests stay, so the log stays provable."""

from django.db.models import QuerySet
from django.utils import timezone

from core.models import Event, EventDetail


def erase_details(*, events: QuerySet[Event]) -> int:
    """Empty the details of these events; returns how many still told something. The caller's transaction decides."""
    details = EventDetail.objects.filter(event__in=events.values("pk"), data__isnull=False)
    return details.update(data=None, salt="", erased_at=timezone.now())
