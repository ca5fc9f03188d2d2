"""How numbers, money and times are written for people. Pure functions; the template filters of ``ui`` wrap them.

The minus sign is U+2212. A missing value (None, or the empty string a template passes for one) is an en dash. Times are
given relative to ``now``.
"""

import math
from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

MINUS = "\u2212"
MISSING = "\u2013"
Number = int | float | Decimal

Band = Literal["healthy", "steady", "watch", "at_risk", "unknown"]
#: Lowest score (0..100) of each band, best first.
BAND_FLOORS: tuple[tuple[Band, int], ...] = (("healthy", 80), ("steady", 65), ("watch", 50), ("at_risk", 0))
#: The colour word of each band in the stylesheet (k-*, f-*, is-*).
BAND_TONES: dict[str, str] = {
    "healthy": "good",
    "steady": "steady",
    "watch": "warn",
    "at_risk": "bad",
    "unknown": "steady",
}

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}


def band_of(score: Number | None) -> Band:
    """Return the band of a health score 0..100; no score is "unknown"."""
    if score is None:
        return "unknown"
    rounded = round(float(score))
    return next((band for band, floor in BAND_FLOORS if rounded >= floor), "at_risk")


def band_label(band: str | None) -> str:
    """Return the band's name as people read it."""
    return {
        "healthy": _("Healthy"),
        "steady": _("Steady"),
        "watch": _("Watch"),
        "at_risk": _("At risk"),
    }.get(band or "", _("Unknown"))


def band_tone(band: str | None) -> str:
    """Return the colour word of a band: good, steady, warn or bad."""
    return BAND_TONES.get(band or "unknown", "steady")


def plain(value: Number | None, digits: int = 0) -> str:
    """Return a number with thousands separators and exactly ``digits`` decimals."""
    if value is None or value == "":
        return MISSING
    shown = round(Decimal(str(value)), digits) if digits else Decimal(round(Decimal(str(value))))
    if shown == 0:
        shown = abs(shown)
    text = number_format(abs(shown), decimal_pos=digits, use_l10n=True, force_grouping=True)
    return f"{MINUS}{text}" if shown < 0 else text


def signed(value: Number | None, digits: int = 0, suffix: str = "") -> str:
    """Return a difference with its sign: +5, −11, 0. ``suffix`` follows after a thin gap (" %", " pp")."""
    if value is None or value == "":
        return MISSING
    text = plain(value, digits)
    nothing = not any(char in "123456789" for char in text)
    return (text if nothing or text.startswith(MINUS) else f"+{text}") + suffix


def compact(value: Number | None) -> str:
    """Return a short number: 149, 9,999, 11.4k, 402k, 2.1M. Below 10,000 in full."""
    if value is None or value == "":
        return MISSING
    number = float(value)
    size = abs(number)
    if size < 9_999.5:
        return plain(number)
    unit, letter = (
        (1_000, "k") if size < 999_500 else (1_000_000, "M") if size < 999_500_000 else (10**9, "B")
    )
    scaled = number / unit
    text = plain(scaled, 0 if abs(scaled) >= 100 else 1)
    return text.removesuffix(".0").removesuffix(",0") + letter


def money(value: Number | None, currency: str = "EUR", *, full: bool = False) -> str:
    """Return an amount: €184k, €4.82M (``full``: €184,000). ISO codes without a symbol stand in front: "CHF 41k"."""
    if value is None or value == "":
        return MISSING
    number = Decimal(str(value))
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    sign = MINUS if number < 0 else ""
    size = abs(number)
    if full or size < 1_000:
        return f"{sign}{symbol}{plain(size, 0)}"
    if size < 999_500:
        return f"{sign}{symbol}{plain(size / 1_000, 0)}k"
    if size < 999_500_000:
        return f"{sign}{symbol}{plain(size / 1_000_000, 2)}M"
    return f"{sign}{symbol}{plain(size / 1_000_000_000, 2)}B"


def percent(fraction: Number | None, digits: int = 0) -> str:
    """Return a fraction 0..1 as a percentage with a no-break space: 0.18 → "18 %"; what would round to nothing is "<1 %"."""
    if fraction is None or fraction == "" or (isinstance(fraction, float) and math.isnan(fraction)):
        return MISSING
    if digits == 0 and 0 < fraction < Decimal("0.005"):
        return "<1\u00a0%"
    return f"{plain(Decimal(str(fraction)) * 100, digits)}\u00a0%"


def duration(seconds: Number | None) -> str:
    """Return a length of time in at most two units: 45s, 14m, 1h 52m, 3d 4h. Negative lengths carry the minus."""
    if seconds is None or seconds == "":
        return MISSING
    total = int(abs(float(seconds)))
    sign = MINUS if seconds < 0 else ""
    units = (
        (86_400, pgettext("unit of time: days", "d")),
        (3_600, pgettext("unit of time: hours", "h")),
        (60, pgettext("unit of time: minutes", "m")),
    )
    for index, (size, letter) in enumerate(units):
        if total >= size:
            first, rest = divmod(total, size)
            text = f"{first}{letter}"
            if index + 1 < len(units) and first < 10:
                second = rest // units[index + 1][0]
                if second:
                    text += f" {second}{units[index + 1][1]}"
            return sign + text
    return f"{sign}{total}{pgettext('unit of time: seconds', 's')}"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was, in one unit: now, 2m, 4h, 3d, 5w; older than a year shows its date."""
    if moment is None:
        return MISSING
    seconds = int(((now or timezone.now()) - moment).total_seconds())
    ahead = seconds < 0
    size = abs(seconds)
    if size < 60:
        return _("now")
    if size < 3_600:
        text = f"{size // 60}{pgettext('unit of time: minutes', 'm')}"
    elif size < 86_400:
        text = f"{size // 3_600}{pgettext('unit of time: hours', 'h')}"
    elif size < 14 * 86_400:
        text = f"{size // 86_400}{pgettext('unit of time: days', 'd')}"
    elif size < 365 * 86_400:
        text = f"{size // (7 * 86_400)}{pgettext('unit of time: weeks', 'w')}"
    else:
        return date_format(timezone.localtime(moment), "j M Y")
    return _("in %(time)s") % {"time": text} if ahead else text


def absolute(moment: datetime | None) -> str:
    """Return a moment in full in the active time zone: "24 Sep 2026, 16:02 CEST"."""
    if moment is None:
        return MISSING
    # As date_format("j M Y, H:i T") writes it, which takes ten times as long; a list has a hundred of these.
    local = timezone.localtime(moment)
    return f"{local.day} {str(MONTHS_3[local.month]).title()} {local.year}, {local:%H:%M} {local.tzname()}"


def clock_or_day(moment: datetime | None, now: datetime | None = None) -> str:
    """Return the clock time today, the weekday in the last six days, otherwise the day: 10:38, Wed, 12 Sep, 3 Mar 2024."""
    if moment is None:
        return MISSING
    local = timezone.localtime(moment)
    today = timezone.localtime(now or timezone.now())
    days = (today.date() - local.date()).days
    if days == 0:
        return date_format(local, "H:i")
    if 0 < days < 7:
        return date_format(local, "D")
    return date_format(local, "j M" if local.year == today.year else "j M Y")


def initials(name: str) -> str:
    """Return one or two letters for an avatar: first letters of the first and last word of a name or address."""
    words = [
        word for word in name.split("@")[0].replace(".", " ").replace("_", " ").split() if word[:1].isalnum()
    ]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()
