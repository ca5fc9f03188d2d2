"""From the words of a promise to moments: when it is due, and when its author is reminded."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.calendars import OpeningHours
from tickets.models import Message
from tickets.promises.dates import Due, is_weekday

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


def business_days_of(message: Message, hours: OpeningHours | None) -> Callable[[date], bool]:
    """Which days count as business days: those on which the ticket's policy is open, for that is what a customer goes by, else
    those on which the author works; without either Monday to Friday. Holidays of the calendar are none."""
    policy = message.ticket.sla_policy
    calendar = policy.calendar if policy is not None else None
    desk = calendar.hours() if calendar is not None else hours
    return is_weekday if desk is None else lambda day: any(desk.spans(day))


def due_moment(due: Due, sent: datetime, zone: ZoneInfo, hours: OpeningHours | None) -> datetime:
    """When a promise is due (UTC): the time it names, else the end of that day's work. Never before it was made."""
    # Two moments in one local zone would be compared by the clock, which shows an hour twice when summer ends.
    sent = sent.astimezone(UTC)
    closes = [end for _start, end in hours.spans(due.day)] if hours is not None else []
    if due.clock is not None:
        moment = datetime.combine(due.day, due.clock, zone)
    else:
        moment = closes[-1] if closes else datetime.combine(due.day, CLOSE, zone)
    if moment.astimezone(UTC) <= sent:
        moment = datetime.combine(due.day, time(23, 59), zone)
    return max(moment.astimezone(UTC), sent)


def remind_moment(due_at: datetime, sent: datetime) -> datetime:
    """Four hours before, or half-way when that is nearer to the end."""
    due_at, sent = due_at.astimezone(UTC), sent.astimezone(UTC)
    return max(due_at - REMIND_BEFORE, sent + (due_at - sent) / 2)
