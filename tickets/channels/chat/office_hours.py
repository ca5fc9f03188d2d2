"""Whether somebody is there to chat, and since or until when."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from core.calendars import CalendarError, OpeningHours
from core.kept_rows import KeptRows
from core.models import Calendar
from tickets.channels.chat.settings import ChatSettings


@dataclass(frozen=True)
class Office:
    """``opens_at`` is the next opening while it is closed, None when there is none."""

    is_open: bool
    opens_at: datetime | None = None


def office_of(chosen: ChatSettings, now: datetime | None = None) -> Office:
    """Return how things are; a chat without a calendar is always open. No query while calendars are kept."""
    moment = now or timezone.now()
    hours = _hours.get().get(chosen.calendar or 0)
    if hours is None or hours.is_open(moment):
        return Office(True)
    try:
        return Office(False, hours.next_opening(moment))
    except CalendarError:
        return Office(False)


def _read() -> dict[int, OpeningHours]:
    return {row.pk: row.hours() for row in Calendar.objects.all()}


_hours = KeptRows(_read, Calendar)
