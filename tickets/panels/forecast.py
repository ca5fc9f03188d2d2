"""What is expected of the ticket: when it will be solved, and whether the next deadline will be missed."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import duration, percent, plain
from ml.features.views import definitions
from people.viewer import Viewer
from tickets.forecasts.baselines import MEDIAN_BY_STATE, RATE_BY_STATE
from tickets.models import Status, Ticket, TicketForecast
from tickets.registry import TicketPanel
from tickets.sla_explanation import LABELS

# What lies nearer to the longest time than this means "longer".
NEAR = 0.98
HIGH, NOTABLE = 0.5, 0.25


class ForecastPanel(TicketPanel):
    """Made by an ml worker, read here."""

    key = "forecast"
    label = gettext_lazy("Forecast")
    icon = "chart-line"
    order = 15
    permission = "tickets.view"

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """Of tickets that are not solved."""
        return super().visible_to(viewer, ticket) and ticket.status_category in Status.ACTIVE

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the forecast in words; empty ones before there is any."""
        forecast = TicketForecast.objects.filter(ticket=ticket).first()
        return {
            "forecast": forecast,
            "time": _time(forecast) if forecast else None,
            "risk": _risk(forecast) if forecast else None,
        }


def source_words(source: str) -> str:
    """Who says so: the trivial forecast by its name, or the version of the model."""
    if source == MEDIAN_BY_STATE:
        return _("Median of tickets in this state")
    if source == RATE_BY_STATE:
        return _("Rate of tickets in this state")
    return _("Model v%s") % source.rpartition("-v")[2]


def _time(forecast: TicketForecast) -> dict[str, Any] | None:
    if forecast.median_seconds is None or forecast.likely_seconds is None:
        return None
    longest = forecast.longest_seconds
    if longest and forecast.median_seconds >= NEAR * longest:
        words = _("usually takes longer than %s") % duration(longest)
    elif longest and forecast.likely_seconds >= NEAR * longest:
        words = _("usually solved in %s") % duration(forecast.median_seconds)
    else:
        words = _("usually solved in %(median)s, 8 of 10 within %(likely)s") % {
            "median": duration(forecast.median_seconds),
            "likely": duration(forecast.likely_seconds),
        }
    return {"words": words, "source": source_words(forecast.time_source)}


def _risk(forecast: TicketForecast) -> dict[str, Any] | None:
    risk = forecast.breach_probability
    if risk is None:
        return None
    return {
        "words": _("%(share)s risk that it is missed") % {"share": percent(risk)},
        "about": LABELS.get(forecast.breach_about, ""),  # type: ignore[call-overload]
        "due_at": forecast.breach_due_at,
        "tone": "bad" if risk >= HIGH else "warn" if risk >= NOTABLE else "",
        "source": source_words(forecast.breach_source),
        "reasons": _reasons(forecast),
    }


def _reasons(forecast: TicketForecast) -> list[str]:
    """Features with their values; ids of categories and teams say nothing to a person and are left out."""
    known = definitions()
    told = []
    for name, value, _points in forecast.breach_reasons:
        if name not in known or name in ("ticket.category", "ticket.team"):
            continue
        shown = (
            value
            if isinstance(value, str)
            else ""
            if isinstance(value, bool) or value is None
            else plain(value, 1)
        )
        told.append(f"{known[name].description}: {shown}" if shown else str(known[name].description))
    return told
