"""From the words of a promise to moments: when it is due, and when its author is reminded."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.calendars import OpeningHours
from tickets.models import Message
from tickets.promises.dates import Due

# Where nobody has said when work ends.
CLOSE = time(18)
REMIND_BEFORE = timedelta(hours=4)


def place_of(message: Message) -> tuple[ZoneInfo, OpeningHours | None]:
    """Where and when the author works: their own hours, else the calendar of the ticket's policy, else only their zone."""
    author, policy = message.author, message.ticket.sla_policy
    calendar = (author.working_hours if author else None) or (policy.calendar if policy else None)
    if calendar is not None:
        hours = calendar.hours()
        return hours.zone, hours
    try:
        return ZoneInfo(author.timezone if author else "UTC"), None
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC"), None


def due_moment(due: Due, sent: datetime, zone: ZoneInfo, hours: OpeningHours | None) -> datetime:
    """When a promise is due: the time it names, else the end of that day's work. Never before it was made."""
    closes = [end for _start, end in hours.spans(due.day)] if hours is not None else []
    if due.clock is not None:
        moment = datetime.combine(due.day, due.clock, zone)
    else:
        moment = closes[-1] if closes else datetime.combine(due.day, CLOSE, zone)
    if moment <= sent:
        moment = datetime.combine(due.day, time(23, 59), zone)
    return max(moment, sent)


def remind_moment(due_at: datetime, sent: datetime) -> datetime:
    """Four hours before, or half-way when that is nearer to the end."""
    return max(due_at - REMIND_BEFORE, sent + (due_at - sent) / 2)
