"""What people can be told about, and on which channels.

An app adds a kind in ``<app>/notification_kinds.py``::

    class Breach(NotificationKind):
        key = "tickets.breach"
        label = _("A promise is broken")
        mail = True

and tells a person with ``notify_user(kind="tickets.breach", …)``. The preferences page lists every kind.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext_lazy as _

from core.models import Notification, NotificationPreference
from core.registry import Label, Part, Registry

# What happens within it becomes one mail.
WINDOW = timedelta(minutes=2)
DEFAULT_DIGEST_AT = time(8, 0)
_WEEKEND = (5, 6)


class NotificationKind(Part):
    """Something a person can be told. ``app`` and ``mail`` are the channels of who has chosen nothing.

    ``always`` kinds are shown in the product whatever a person prefers. ``permission`` hides a kind from who can never be told.
    ``verbs`` are the events that are of this kind when who tells of them names none.
    """

    label: ClassVar[Label] = ""
    group: ClassVar[Label] = _("Tickets")
    order: ClassVar[int] = 100
    app: ClassVar[bool] = True
    mail: ClassVar[bool] = False
    always: ClassVar[bool] = False
    permission: ClassVar[str] = ""
    verbs: ClassVar[frozenset[str]] = frozenset()

    def still_told(self, user: Any, rows: Sequence[Notification]) -> Sequence[Notification]:
        """Return those of ``rows`` that may still be mailed to the person: what it may no longer see is left out."""
        return rows


notification_kinds: Registry[NotificationKind] = Registry(NotificationKind, "notification_kinds")


def kinds_in_order() -> list[NotificationKind]:
    """Return every kind in the order of the preferences page."""
    return sorted(notification_kinds, key=lambda kind: (kind.order, kind.key))


def kind_of(verb: str) -> str:
    """Return the key of the kind that an event is of by itself, "" when it is of none."""
    return next((kind.key for kind in notification_kinds if verb in kind.verbs), "")


def channels_of(kind_key: str, preference: NotificationPreference | None) -> tuple[bool, bool]:
    """Return whether a kind is shown in the product and whether it is mailed; unknown kinds are only shown."""
    kind = notification_kinds.get(kind_key) if kind_key in notification_kinds else NotificationKind()
    chosen = {} if preference is None else preference.channels.get(kind_key) or {}
    in_app = bool(chosen.get("app", kind.app)) or kind.always
    return in_app, bool(chosen.get("mail", kind.mail))


def mail_due_at(preference: NotificationPreference | None, zone_name: str, now: datetime) -> datetime:
    """Return when something that happens now belongs into a mail: window or digest first, then the quiet hours."""
    zone = _zone(zone_name)
    if preference is None:
        return now + WINDOW
    if preference.mail_mode == NotificationPreference.MailMode.HOURLY:
        due = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    elif preference.mail_mode == NotificationPreference.MailMode.DAILY:
        due = _next_at(now, preference.digest_at or DEFAULT_DIGEST_AT, zone)
    else:
        due = now + WINDOW
    return after_quiet(preference, zone_name, due)


def after_quiet(preference: NotificationPreference, zone_name: str, moment: datetime) -> datetime:
    """Return the moment, or the end of the quiet time that it falls into."""
    zone = _zone(zone_name)
    for _attempt in range(4):  # a night, a weekend, and the night after it
        until = _quiet_until(preference, moment, zone)
        if until is None:
            break
        moment = until
    return moment


def _quiet_until(preference: NotificationPreference, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet time around a moment; None outside."""
    local = moment.astimezone(zone)
    if preference.quiet_weekend and local.weekday() in _WEEKEND:
        monday = local.date() + timedelta(days=7 - local.weekday())
        return datetime.combine(monday, time.min, zone).astimezone(moment.tzinfo)
    start, end = preference.quiet_from, preference.quiet_until
    if start is None or end is None or start == end:
        return None
    at = local.time()
    if start < end:
        quiet, day = start <= at < end, local.date()
    else:
        quiet, day = at >= start or at < end, local.date() + timedelta(days=int(at >= start))
    until = datetime.combine(day, end, zone).astimezone(moment.tzinfo)
    # An hour that comes twice in autumn could end before it began.
    return until if quiet and until > moment else None


def _next_at(now: datetime, at: time, zone: ZoneInfo) -> datetime:
    today = now.astimezone(zone).date()
    first = datetime.combine(today, at, zone).astimezone(now.tzinfo)
    return (
        first if first > now else datetime.combine(today + timedelta(days=1), at, zone).astimezone(now.tzinfo)
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
