"""``{% load ui %}``: the tags and filters of the UI kit. What each component needs is in its template's header comment.

Tags turn plain values into what a template in ``templates/ui/`` draws; they read no model and no database. The two
exceptions are frame tags (``nav_links``, ``keyboard_table``), which ask the navigation registry.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from typing import Any

from django import template
from django.forms import (
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    ClearableFileInput,
    RadioSelect,
    Select,
)
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core import charts, formatting, keyboard, navigation

register = template.Library()
Context = dict[str, Any]


def small_component(template_name: str) -> Callable[[Callable[..., Context]], Callable[..., Context]]:
    """An inclusion tag whose HTML follows from its few plain arguments and the language alone.

    A list draws the same ones hundreds of times, so they are kept. Safe and unsafe strings are different arguments.
    """

    def registered(parts_of: Callable[..., Context]) -> Callable[..., Context]:
        @lru_cache(maxsize=4096, typed=True)
        def drawn(_language: str | None, *args: Hashable, **kwargs: Hashable) -> SafeString:
            return render_to_string(template_name, parts_of(*args, **kwargs))

        @wraps(parts_of)
        def tag(*args: Hashable, **kwargs: Hashable) -> SafeString:
            return drawn(get_language(), *args, **kwargs)

        register.simple_tag(tag)
        return parts_of

    return registered


# --- filters ----------------------------------------------------------------------------------------------------------
register.filter("plain", formatting.plain)
register.filter("compact", formatting.compact)
register.filter("duration", formatting.duration)
register.filter("absolute_time", formatting.absolute)
register.filter("clock_or_day", formatting.clock_or_day)
register.filter("age", formatting.age)
register.filter("initials", formatting.initials)
register.filter("band_label", formatting.band_label)
register.filter("band_tone", formatting.band_tone)
register.filter("band_of", formatting.band_of)


@register.filter
def signed(value: formatting.Number | None, digits: int = 0) -> str:
    """A difference with its sign and U+2212: ``{{ -11|signed }}`` → −11."""
    return formatting.signed(value, digits)


@register.filter
def money(value: formatting.Number | None, currency: str = "EUR") -> str:
    """A short amount: ``{{ account.arr|money:account.currency }}`` → €184k."""
    return formatting.money(value, currency)


@register.filter
def money_full(value: formatting.Number | None, currency: str = "EUR") -> str:
    """An amount in full: €184,000."""
    return formatting.money(value, currency, full=True)


@register.filter
def percent(fraction: formatting.Number | None, digits: int = 0) -> str:
    """A fraction 0..1 as a percentage: 18 %."""
    return formatting.percent(fraction, digits)


@register.filter
def probability(value: formatting.Number | None) -> str:
    """A probability 0..1 with two decimals, as on prediction chips: 0.93."""
    return formatting.plain(value, 2)


@register.filter
def svg_percent(fraction: formatting.Number | None) -> str:
    """A fraction 0..1 as an SVG length: 0.39 → 39%."""
    return f"{min(1.0, max(0.0, float(fraction or 0))) * 100:.1f}%"


@register.filter
def days_until(day: Any) -> int | None:
    """Days from today to a date (negative when past); None stays None."""
    if day is None:
        return None
    on = timezone.localtime(day).date() if isinstance(day, datetime) else day
    return int((on - timezone.localdate()).days)


# --- atoms ------------------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: int = 16, label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite: ``{% icon "mail" size=14 %}``. Sizes 12, 14, 16, 18, 20. With ``label`` it speaks."""
    return _icon(name, size, str(label), css)


@lru_cache(maxsize=4096, typed=True)
def _icon(name: str, size: int, label: str, css: str) -> SafeString:
    classes = " ".join(part for part in ("ic", "" if size == 16 else f"ic-{size}", css) if part)
    href = f"{static('sprite.svg')}#i-{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', classes, label, href
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, href)


@register.simple_tag
def rel_time(moment: datetime | None, style: str = "age", css: str = "") -> SafeString:
    """A moment, relative, absolute on hover, kept fresh by the page. ``style`` "age" (2m, 4h) or "clock" (10:38, Wed)."""
    if moment is None:
        return format_html('<span class="{}">{}</span>', css, formatting.MISSING)
    text = formatting.age(moment) if style == "age" else formatting.clock_or_day(moment)
    return format_html(
        '<time class="{}" datetime="{}" title="{}"{}>{}</time>',
        css,
        moment.isoformat(timespec="seconds"),
        formatting.absolute(moment),
        SafeString(" data-relative") if style == "age" else "",
        text,
    )


@small_component("ui/avatar.html")
def avatar(
    name: str = "", *, you: bool = False, size: str = "", square: bool = False, label: str = "", css: str = ""
) -> Context:
    """Initials in a circle. ``size`` "s", "" or "l"; ``you`` in the accent; no name shows the empty circle."""
    return {
        "initials": formatting.initials(name) if name else "",
        "you": you,
        "size": size,
        "square": square,
        "label": label,
        "css": css,
    }


@register.simple_tag
def sla_chip(
    state: str = "",
    due_at: datetime | None = None,
    total_seconds: int | None = None,
    *,
    label: str = "",
    now: datetime | None = None,
) -> SafeString:
    """The SLA clock. ``state`` "running", "paused", "met", "breached" or "" (no chip).

    ``due_at`` is the deadline of a running or breached clock, ``total_seconds`` the length of the target (for the pie),
    ``label`` a word before the countdown ("Reply in"). The page counts on by itself (frontend/src/times.ts). Written here
    and not as a template, because no two chips are alike and a list has one in every row.
    """
    if state in {"running", "breached"} and due_at:  # templates pass "" for a missing attribute
        left = (due_at - (now or timezone.now())).total_seconds()
        text = formatting.duration(left - left % 60 if left >= 0 else left)
        tone = "over" if left < 0 else "bad" if left < 900 else "warn" if left < 3600 else "plain"
        spent = 1 - left / total_seconds if total_seconds else 0.5
        return format_html(
            '<span class="chip is-s is-{}" title="{}" data-sla-due="{}" data-sla-total="{}">{}{}'
            "<span data-sla-text>{}</span></span>",
            tone,
            _("Due %(at)s") % {"at": formatting.absolute(due_at)},
            timezone.localtime(due_at).isoformat(timespec="seconds"),
            total_seconds or 0,
            _sla_sign("breached", get_language())
            if left < 0
            else _sla_pie(round(min(1.0, max(0.0, spent)) * 100)),
            format_html("<span>{}</span>", label) if label and left >= 0 else "",
            text,
        )
    words = {"paused": label or _("waiting"), "met": _("met"), "breached": _("breached")}
    if state not in words:
        return SafeString("")
    return format_html(
        '<span class="chip is-s is-{}">{}<span data-sla-text>{}</span></span>',
        "over" if state == "breached" else "plain",
        _sla_sign(state, get_language()),
        words[state],
    )


def _sla_pie(spent: int) -> SafeString:
    return format_html(
        '<svg class="pie" viewBox="0 0 12 12" aria-hidden="true"><circle class="bg" cx="6" cy="6" r="4.8"/>'
        '<circle class="fg" cx="6" cy="6" r="4.8" pathLength="100" stroke-dasharray="{} 100"/></svg>'
        '<span class="visually-hidden">{}</span> ',
        spent,
        _("SLA due in"),
    )


@lru_cache
def _sla_sign(state: str, _language: str | None) -> SafeString:
    name, words = {
        "paused": ("player-pause", _("SLA paused")),
        "met": ("check", _("SLA")),
        "breached": ("alarm", _("SLA breached")),
    }[state]
    return format_html('{}<span class="visually-hidden">{}</span> ', icon(name, 12), words)


_SENTIMENTS = {
    "angry": ("ang", "mood-angry"),
    "negative": ("neg", "mood-sad"),
    "positive": ("pos", "mood-smile"),
}


@small_component("ui/sentiment_mark.html")
def sentiment_mark(label: str | None, *, show_neutral: bool = False) -> Context:
    """A face for "angry", "negative", "positive"; "neutral" only with ``show_neutral``; anything else draws nothing."""
    words = {
        "angry": _("Angry sentiment"),
        "negative": _("Negative sentiment"),
        "positive": _("Positive sentiment"),
        "neutral": _("Neutral sentiment"),
    }
    known = dict(_SENTIMENTS, **({"neutral": ("neu", "mood-empty")} if show_neutral else {}))
    css, name = known.get(label or "", ("", ""))
    return {"css": css, "icon_name": name, "words": words.get(label or "", "")}


@small_component("ui/status_icon.html")
def status_icon(status: str) -> Context:
    """The shape of a ticket's status: new, open, pending or waiting, on_hold, snoozed, resolved, closed."""
    shapes = {
        "new": "dashed",
        "open": "open",
        "pending": "half",
        "waiting": "half",
        "on_hold": "pause",
        "snoozed": "pause",
        "resolved": "check",
        "solved": "check",
        "closed": "full",
    }
    return {"shape": shapes.get(status, "open")}


@small_component("ui/priority_icon.html")
def priority_icon(priority: str) -> Context:
    """Signal bars of a priority: low, normal (or medium), high, urgent."""
    level = {"low": 1, "normal": 2, "medium": 2, "high": 3, "urgent": 3}.get(priority, 2)
    bars = [(1.5, 9.0, 4.0), (5.5, 5.5, 7.5), (9.5, 2.0, 11.0)]
    return {
        "priority": priority,
        "bars": [{"x": x, "y": y, "height": h, "on": index < level} for index, (x, y, h) in enumerate(bars)],
    }


@small_component("ui/score_ring.html")
def score_ring(score: formatting.Number | None, band: str = "", size: str = "") -> Context:
    """A health score 0..100 as a ring. ``band`` follows from the score when empty; ``size`` "l" is 56 px."""
    name = band or formatting.band_of(score)
    return {
        "score": None if score is None else round(score),
        "band": formatting.band_label(name),
        "tone": formatting.band_tone(name),
        "size": size,
    }


@small_component("ui/band_chip.html")
def band_chip(band: str | None, size: str = "s") -> Context:
    """The name of a band on its soft colour; Steady and Unknown stay grey."""
    tone = formatting.band_tone(band)
    return {"label": formatting.band_label(band), "tone": "" if tone == "steady" else tone, "size": size}


@register.inclusion_tag("ui/delta.html")
def delta(
    value: formatting.Number | None,
    suffix: str = "",
    *,
    digits: int = 0,
    threshold: float = 5,
    good: str = "up",
    css: str = "",
) -> Context:
    """A signed change. Coloured from ``threshold`` on; ``good`` is the wanted direction: "up", "down" or "none"."""
    tone = ""
    if value not in (None, "", 0) and abs(float(value or 0)) >= threshold and good in {"up", "down"}:
        tone = "up" if (float(value or 0) > 0) == (good == "up") else "down"
    return {"text": formatting.signed(value, digits, suffix), "tone": tone, "css": css}


@register.inclusion_tag("ui/sparkline.html")
def sparkline(
    points: Sequence[float] | None,
    band: str = "",
    *,
    width: int = 64,
    height: int = 22,
    area: bool = False,
    label: str = "",
) -> Context:
    """A grey line whose last point carries the band colour; oldest value first. Fewer than two values draw nothing."""
    values = [float(value) for value in points or [] if value is not None]
    shape = charts.spark(values, width=width, height=height)
    text = ""
    if shape:
        text = label or _("From %(first)s to %(last)s") % {
            "first": formatting.plain(values[0]),
            "last": formatting.plain(values[-1]),
        }
    tone = formatting.band_tone(band) if band else "steady"
    return {"spark": shape, "width": width, "height": height, "area": area, "tone": tone, "label": text}


@register.inclusion_tag("ui/interval_dot.html")
def interval_dot(
    value: float | None, low: float | None = None, high: float | None = None, *, maximum: float = 1.0
) -> Context:
    """A probability as a dot on its interval, all on one scale from 0 to ``maximum`` (fractions 0..1)."""

    def x(fraction: float) -> float:
        return round(min(1.0, max(0.0, fraction / maximum)) * 70 + 1, 1)

    known = value is not None and low is not None and high is not None
    return {
        "value": value,
        "x": x(value) if value is not None else None,
        "low_x": x(low) if known and low is not None else None,
        "high_x": x(high) if known and high is not None else None,
        "low": low,
        "high": high,
    }


@register.inclusion_tag("ui/share_bar.html")
def share_bar(parts: Iterable[tuple[float, str, str]], label: str = "") -> Context:
    """A strip of shares from (value, tone, name) parts; tones good, steady, warn, bad, accent."""
    laid = charts.segments(list(parts))
    words = ", ".join(f"{part.label} {formatting.percent(part.share)}" for part in laid)
    return {"segments": laid, "label": f"{label}: {words}" if label and words else label or words}


@register.inclusion_tag("ui/change_list.html")
def change_list(changes: Iterable[tuple[str, float]]) -> Context:
    """ "What changed": (label, points) rows with signed bars on one common zero."""
    rows = list(changes)
    bars = charts.diverging([points for _, points in rows], box=52)
    return {
        "rows": [
            {"label": label, "points": points, "bar": bar, "tone": "good" if points > 0 else "bad"}
            for (label, points), bar in zip(rows, bars, strict=True)
        ]
    }


@register.inclusion_tag("ui/churn_drivers.html")
def churn_drivers(drivers: Iterable[tuple[str, str, float]]) -> Context:
    """What raises and lowers a churn probability: (driver, seen in the data, percentage points) rows."""
    rows = list(drivers)
    bars = charts.diverging([points for _, _, points in rows])
    return {
        "rows": [
            {
                "label": label,
                "seen": seen,
                "points": points,
                "bar": bar,
                "tone": "bad" if points > 0 else "good",
            }
            for (label, seen, points), bar in zip(rows, bars, strict=True)
        ]
    }


@register.inclusion_tag("ui/score_waterfall.html")
def score_waterfall(
    start: float,
    end: float,
    steps: Iterable[tuple[str, str, float]],
    *,
    start_label: str = "",
    end_label: str = "",
    missing: Iterable[tuple[str, str]] = (),
) -> Context:
    """How a score moved: (signal, detail, points) steps between two totals; ``missing`` are (signal, why) without data."""
    chart = charts.waterfall(
        start,
        end,
        list(steps),
        start_label=start_label or _("30 days ago"),
        end_label=end_label or _("Today"),
    )
    return {"chart": chart, "start": round(start), "end": round(end), "missing": list(missing)}


@register.inclusion_tag("ui/history_chart.html")
def history_chart(
    points: Sequence[charts.Point],
    *,
    forecast: Sequence[charts.Point] = (),
    annotations: Sequence[charts.Annotation] = (),
    height: int = 200,
) -> Context:
    """A score 0..100 over time with interval, forecast, numbered events and the band ruler. Points oldest first."""
    floors = [(formatting.band_tone(band), float(floor)) for band, floor in formatting.BAND_FLOORS]
    plot = charts.history_plot(
        points,
        forecast=forecast,
        annotations=annotations,
        floors=floors,
        height=height,
        today_label=_("today"),
        month_names=[str(MONTHS_3[number]).capitalize() for number in range(1, 13)],
    )
    label = ""
    if plot:
        label = _("Score over time, from %(first)s to %(last)s") % {
            "first": formatting.plain(points[0].value),
            "last": formatting.plain(points[-1].value),
        }
    return {"plot": plot, "label": label, "annotations": annotations}


@register.inclusion_tag("ui/line_chart.html")
def line_chart(
    values: Sequence[float],
    labels: Sequence[str],
    *,
    second: Sequence[float] | None = None,
    label: str,
    target: float | None = None,
    from_zero: bool = False,
    height: int = 176,
) -> Context:
    """One line, an optional grey second, an optional dashed target. ``label`` states the finding for screen readers."""
    series: list[tuple[str, Sequence[float]]] = [("l1", values)]
    if second:
        series.append(("lb thin", second))
    target_label = _("target %(value)s") % {"value": f"{target:g}"} if target is not None else ""
    plot = charts.line_plot(
        series, labels=labels, height=height, target=target, from_zero=from_zero, target_label=target_label
    )
    return {"plot": plot, "label": label}


@register.inclusion_tag("ui/bar_chart.html")
def bar_chart(
    columns: Sequence[Sequence[float]],
    labels: Sequence[str],
    *,
    css: str = "c1",
    label: str,
    height: int = 176,
) -> Context:
    """Stacked columns from zero. ``css`` one class per layer, bottom first: c1, cb, c-bad, s-warn, s-good."""
    return {
        "plot": charts.stacked_plot(columns, css=css.split(), labels=labels, height=height),
        "label": label,
    }


@register.inclusion_tag("ui/bar_chart.html")
def pair_chart(
    first: Sequence[float], second: Sequence[float], labels: Sequence[str], *, label: str, height: int = 176
) -> Context:
    """Two bars side by side per label: the first in the accent, the second grey."""
    pairs = list(zip(first, second, strict=True))
    plot = charts.grouped_plot(pairs, css=("c1", "c-mute"), labels=labels, height=height)
    return {"plot": plot, "label": label}


@register.inclusion_tag("ui/chart_data.html")
def chart_data(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Context:
    """The table behind a chart, opened by "Data"."""
    return {"headers": headers, "rows": [list(row) for row in rows]}


@register.inclusion_tag("ui/usage_tile.html")
def usage_tile(
    name: str,
    value: formatting.Number | None,
    points: Sequence[float],
    *,
    change: float | None = None,
    good: str = "up",
    display: str = "",
) -> Context:
    """One usage measure: value, change (fraction, −0.19) and a line, on a floor of 55 % of the maximum when all values fit."""
    values = [float(point) for point in points]
    ceiling = max(values, default=0.0)
    floor = ceiling * 0.55 if min(values, default=0.0) >= ceiling * 0.55 else 0.0
    drawn = []
    for index, point in enumerate(values):
        x = index / max(1, len(values) - 1) * 1000
        y = 36 - max(0.0, point - floor) / (ceiling - floor) * 31 if ceiling > floor else 36.0
        drawn.append((x, y))
    bad = change is not None and abs(change) >= 0.1 and (change < 0) == (good == "up") and good != "none"
    return {
        "name": name,
        "shown": display or formatting.compact(value),
        "change": None if change is None else change * 100,
        "good": good,
        "line": charts.path(drawn) if len(drawn) > 1 else "",
        "last_y": round(drawn[-1][1], 1) if drawn else 0,
        "tone": "bad" if bad else "steady",
    }


@register.inclusion_tag("ui/form_field.html")
def field(bound: BoundField, *, hide_label: bool = False) -> Context:
    """A form field as drawn: label, widget, help, errors, all tied together for screen readers."""
    widget = bound.field.widget
    kind = "text"
    css = "form-control"
    if isinstance(widget, CheckboxInput):
        kind, css = "check", "chk"
    elif isinstance(widget, (CheckboxSelectMultiple, RadioSelect)):
        kind, css = "choices", "chk"
        widget.attrs["class"] = css  # the options render themselves from the widget's own attributes
    elif isinstance(widget, Select):
        css = "form-select"
    elif isinstance(widget, ClearableFileInput):
        css = "form-control"
    describedby = [f"{bound.auto_id}_help"] if bound.help_text else []
    if bound.errors:
        describedby.append(f"{bound.auto_id}_error")
    attrs: dict[str, Any] = {"class": f"{css} {widget.attrs.get('class', '')}".strip()}
    if describedby and kind != "choices":
        attrs["aria-describedby"] = " ".join(describedby)
    if bound.errors and kind != "choices":
        attrs["aria-invalid"] = "true"
    return {
        "field": bound,
        "kind": kind,
        "widget": bound.as_widget(attrs=attrs),
        "hidden": bound.is_hidden,
        "hide_label": hide_label,
        "help_id": f"{bound.auto_id}_help",
        "error_id": f"{bound.auto_id}_error",
    }


# --- frame ------------------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def nav_links(context: template.Context, place: navigation.Place) -> list[navigation.NavLink]:
    """The navigation entries of one place for the viewer of this request."""
    request = context.get("request")
    viewer = getattr(request, "viewer", None)
    if request is None or viewer is None:
        return []
    return navigation.links(viewer, place=place, path=request.path, badges=place == "rail")


@register.simple_tag(takes_context=True)
def keyboard_table(context: template.Context) -> list[keyboard.Key]:
    """All keys of this page for this viewer, in the order of the help dialog."""
    request = context.get("request")
    viewer = getattr(request, "viewer", None)
    targets = (
        [(link.goto, link.label, link.url) for link in navigation.links(viewer, place="rail")]
        if viewer
        else []
    )
    return [*keyboard.KEYS, *keyboard.goto_keys(targets)]


@register.filter
def keys_json(keys: list[keyboard.Key]) -> list[dict[str, Any]]:
    """The key table for ``json_script``."""
    return keyboard.as_json(keys)


@register.filter
def key_display(combo: str) -> list[str]:
    """A combination as key caps: "g i" → ["G", "I"]."""
    return keyboard.display(combo).split(" ")


@register.simple_tag
def key_for(action: str) -> str:
    """The key of an action for tooltips and labels: ``{% key_for "resolve" %}`` → E."""
    return keyboard.combo_for(action)


@register.simple_tag
def client_strings() -> dict[str, str]:
    """The sentences and unit letters the browser code needs, translated."""
    hour = timedelta(hours=1)
    return {
        "now": _("now"),
        "minutes": formatting.duration(60).removeprefix("1"),
        "hours": formatting.duration(hour.total_seconds()).removeprefix("1"),
        "days": formatting.duration(hour.total_seconds() * 24).removeprefix("1"),
        "weeks": formatting.age(timezone.now() - timedelta(days=15)).removeprefix("2"),
        "undo": _("Undo"),
        "dismiss": _("Dismiss"),
        "failed": _("That did not work and nothing was changed. Try again."),
        "forbidden": _("You are not allowed to do that. Nothing was changed."),
        "signed_out": _("Your session has ended. Sign in again; drafts on this page are kept."),
        "no_connection": _("No connection. Nothing was changed; try again when you are back online."),
        "copied": _("Copied"),
        "desktop_denied": _(
            "This browser does not let CS Ops show them. Allow it in the settings of the site."
        ),
        "canned_replies": _("Canned replies"),
        "colleagues": _("Colleagues"),
        "fill_in": _("Fill in by hand:"),
        "not_filled_in": _("Not filled in; send again to send it as it is:"),
    }
