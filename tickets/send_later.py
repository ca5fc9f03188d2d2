"""The times that are offered for sending later."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.calendars import CalendarError, OpeningHours
from people.models import User
from tickets.models import Ticket

MORNING = time(9)
_OFFICE = {str(day): [["09:00", "17:00"]] for day in range(5)}


@dataclass(frozen=True)
class SendTime:
    """A moment with its name; ``zone`` is where it is meant."""

    key: str
    label: str | Promise
    at: datetime
    zone: str


def send_times(ticket: Ticket, user: User, *, now: datetime | None = None) -> list[SendTime]:
    """The offers for an answer, soonest first: in two hours, tomorrow at nine where the customer is, the next morning of
    work of the person, Monday morning."""
    moment = now or timezone.now()
    there = _zone(ticket.account.timezone if ticket.account is not None else user.timezone)
    here = _zone(user.timezone)
    offers = [
        SendTime("hours", _("In two hours"), moment + timedelta(hours=2), here.key),
        SendTime("tomorrow", _("Tomorrow at nine, customer's time"), _morning(moment, there, 1), there.key),
        SendTime("workday", _("Next working morning"), next_opening(user, moment), here.key),
    ]
    monday = 7 - moment.astimezone(there).weekday()
    offers.append(
        SendTime("monday", _("Monday at nine, customer's time"), _morning(moment, there, monday), there.key)
    )
    return sorted(offers, key=lambda one: one.at)


def next_opening(user: User, now: datetime) -> datetime:
    """When the person's next day of work begins, tomorrow or later."""
    return next(_openings(_hours(user), now), _morning(now, _zone(user.timezone), 1))


def _openings(hours: OpeningHours, now: datetime) -> Iterator[datetime]:
    today = now.astimezone(hours.zone).date()
    for days in range(1, 30):
        for start, _end in hours.spans(today + timedelta(days=days)):
            yield start


def _hours(user: User) -> OpeningHours:
    try:
        if user.working_hours is not None:
            return user.working_hours.hours()
    except CalendarError:
        pass
    return OpeningHours.parse(timezone=_zone(user.timezone).key, windows=_OFFICE, holidays=())


def _morning(now: datetime, zone: ZoneInfo, days: int) -> datetime:
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=days), MORNING, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
