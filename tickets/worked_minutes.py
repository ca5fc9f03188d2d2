"""Worked time as people type and read it: "45", "1h 30m", "1:30"."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d{1,2}(?:[.,]\d{1,2})?)\s*(?:h|hr|hrs|hour|hours))?\s*(?:(\d{1,4})\s*(?:m|min|mins|minute|minutes)?)?",
    re.ASCII,
)


def read_minutes(text: str) -> int:
    """Return the minutes of "45", "45m", "1h 30m", "1.5h" or "1:30"; raises ValidationError."""
    written = text.strip().lower()
    clock = _CLOCK.fullmatch(written)
    if clock:
        return int(clock[1]) * 60 + int(clock[2])
    units = _UNITS.fullmatch(written)
    if not written or units is None:
        raise ValidationError({"minutes": _("Write minutes or hours: 45, 1h 30m, 1:30.")})
    hours, minutes = units.groups()
    return round(float((hours or "0").replace(",", ".")) * 60) + int(minutes or 0)


def write_minutes(minutes: int) -> str:
    """Return minutes as "45m", "2h" or "1h 30m"."""
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(f"{hours}{pgettext('unit of time: hours', 'h')}")
    if rest or not hours:
        parts.append(f"{rest}{pgettext('unit of time: minutes', 'm')}")
    return " ".join(parts)
