"""Figures as people read them, and as spreadsheets take them."""

from django.utils.translation import gettext as _

from core.formatting import MISSING, duration, plain, signed
from insights.figures import Figure
from insights.registry import Kpi, Mean, Ratings
from insights.report import Result


def value_and_unit(kpi: Kpi, figure: Figure) -> tuple[str, str]:
    """Return the number and its unit apart, as tiles show them."""
    value = figure.value
    if value is None:
        return MISSING, ""
    if kpi.unit == "share":
        return plain(value * 100, 1), "%"
    if kpi.unit == "seconds":
        return _time(value)
    if kpi.unit == "money":
        return plain(value, 2), kpi.currency()
    return plain(value, 2 if kpi.unit == "score" else 0), ""


def _time(seconds: float) -> tuple[str, str]:
    """One number with one unit, so that neighbours can be compared."""
    if seconds < 60:
        return plain(seconds), _("s")
    if seconds < 90 * 60:
        return plain(seconds / 60), _("min")
    if seconds < 48 * 3600:
        return plain(seconds / 3600, 1), _("h")
    return plain(seconds / 86_400, 1), _("d")


def in_words(kpi: Kpi, figure: Figure) -> str:
    """Return the figure in one piece: "38 min", "94.2 %"."""
    return "\u00a0".join(part for part in value_and_unit(kpi, figure) if part)


def change_in_words(result: Result) -> str:
    """Return the change against the period before, empty when there is nothing to compare with."""
    change = result.change
    if change is None:
        return ""
    if result.kpi.unit == "count":
        return signed(change * 100, 0, "\u00a0%")
    if result.kpi.unit == "share":
        return signed(change * 100, 1, "\u00a0pp")
    if result.kpi.unit == "seconds":
        text = duration(change)
        return text if change <= 0 else f"+{text}"
    return signed(change, 2)


def note_of(result: Result) -> str:
    """Return what stands beside the change: the other percentile, or how many were counted."""
    figure = result.now
    if figure.p90 is not None:
        return _("p90 %(time)s") % {"time": duration(figure.p90)}
    if isinstance(result.kpi.measure, Ratings):
        if not figure.n:
            return _("%(n)s asked, no answer") % {"n": plain(figure.asked or 0)}
        return _("mean %(mean)s · n = %(n)s, %(rate)s %% answered") % {
            "mean": plain(figure.mean, 1),
            "n": plain(figure.n),
            "rate": plain((figure.response_rate or 0) * 100),
        }
    if figure.hits is not None or isinstance(result.kpi.measure, Mean):
        return _("n = %(n)s") % {"n": plain(figure.n)}
    return "" if result.change is None else _("on the period before")


def plain_cell(value: object) -> object:
    """Return a cell of a CSV file: text that a spreadsheet would run as a formula is made text again (CSV injection)."""
    text = "" if value is None else value
    if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        return f"'{text}"
    return text


def exact(value: float | None) -> float | int | str:
    """Return a number as REST and CSV give it: whole where it is whole, else with six decimals."""
    if value is None:
        return ""
    return int(value) if float(value).is_integer() else round(value, 6)
