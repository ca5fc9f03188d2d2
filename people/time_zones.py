"""The time zones a person may choose."""

from functools import cache
from zoneinfo import available_timezones

_AREAS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def zone_names() -> tuple[str, ...]:
    """Return UTC and the zones named after places, in order."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(_AREAS)))


def zone_choices() -> list[tuple[str, str]]:
    """Return (name, label) pairs for a form."""
    return [(name, name.replace("_", " ")) for name in zone_names()]
