"""When a ticket can come back: what the snooze menu offers."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

MORNING = time(9)
LATER = timedelta(hours=3)
LATEST = time(21)
MONDAY = 7


@dataclass(frozen=True)
class SnoozeChoice:
    """An entry of the menu: a name, the moment, and the moment in words."""

    key: str
    label: str
    until: datetime
    words: str


def snooze_choices(now: datetime) -> list[SnoozeChoice]:
    """Return what can be chosen at ``now``, a local time in the zone of the person, soonest first.

    "Later today" is offered while it is not night by then.
    """
    later = _ahead(now, LATER).replace(minute=0, second=0, microsecond=0)
    today = now.date()
    choices = [
        ("tomorrow", _("Tomorrow morning"), _morning(now, 1)),
        ("1-day", _("In 1 day"), _ahead(now, timedelta(days=1))),
        ("3-days", _("In 3 days"), _morning(now, 3)),
        ("next-week", _("Next week"), _morning(now, MONDAY - today.weekday())),
    ]
    if later.date() == today and later.timetz().replace(tzinfo=None) <= LATEST:
        choices.insert(0, ("later", _("Later today"), later))
    return [
        SnoozeChoice(key, label, until, date_format(until, "H:i" if until.date() == today else "D j M, H:i"))
        for key, label, until in sorted(choices, key=lambda one: one[2])
    ]


def _morning(now: datetime, days: int) -> datetime:
    return datetime.combine(now.date() + timedelta(days=days), MORNING, tzinfo=now.tzinfo)


def _ahead(now: datetime, span: timedelta) -> datetime:
    """Go on by a span of real time: on the day the clocks change an hour is still an hour."""
    return (now.astimezone(UTC) + span).astimezone(now.tzinfo).replace(second=0, microsecond=0)
