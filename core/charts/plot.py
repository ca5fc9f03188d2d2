"""Plots with axes: score history with interval, forecast and events; lines over time; stacked bars."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from core.charts.scales import Tick, closed, nice_ticks, path, scale

WIDE = 1000.0


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series on a day; ``low`` and ``high`` bound its interval when known."""

    on: date
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An event worth a number on the chart."""

    on: date
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a place: x in percent, y in pixels."""

    x: float
    y: float
    label: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Rect:
    """A bar: x and width in percent, y and height in pixels."""

    x: float
    y: float
    width: float
    height: float
    css: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything a chart template draws. ``paths`` are (css class, d) pairs in the stretched system."""

    height: int
    paths: list[tuple[str, str]]
    y_ticks: list[Tick]
    x_ticks: list[Tick]
    rects: list[Rect] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    notes: list[Mark] = field(default_factory=list)
    last: Mark | None = None
    base: float = 0.0
    target: Mark | None = None


def _x(on: date, first: date, last: date) -> float:
    return scale(on.toordinal(), first.toordinal(), last.toordinal(), 0, WIDE)


def _label(value: float) -> str:
    return f"{value:g}"


def month_ticks(
    first: date, last: date, *, until: date | None = None, labels: Sequence[str] = ()
) -> list[Tick]:
    """Return month starts between two days at most seven times, in percent; ``labels`` are twelve month names."""
    months: list[date] = []
    year, month = first.year, first.month
    while date(year, month, 1) <= last:
        if date(year, month, 1) >= first:
            months.append(date(year, month, 1))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    months = [month for month in months if until is None or (until - month).days > 20]
    every = max(1, -(-len(months) // 6))
    names = labels or [f"{number}" for number in range(1, 13)]
    return [Tick(round(_x(month, first, last) / 10, 2), names[month.month - 1]) for month in months[::every]]


def history_plot(
    points: Sequence[Point],
    *,
    forecast: Sequence[Point] = (),
    annotations: Sequence[Annotation] = (),
    floors: Sequence[tuple[str, float]] = (),
    height: int = 200,
    today_label: str = "today",
    month_names: Sequence[str] = (),
) -> Plot | None:
    """Lay out a score 0..100 over time; None for fewer than two points.

    ``points`` oldest first, ``forecast`` continues them (each with low and high), ``annotations`` are numbered in
    order, ``floors`` are (tone, lowest score) of the bands, best first, drawn as a ruler on the axis.
    """
    if len(points) < 2:
        return None
    whole = [*points, *forecast]
    first, last = whole[0].on, whole[-1].on
    lows = [point.value if point.low is None else point.low for point in whole]
    highs = [point.value if point.high is None else point.high for point in whole]
    low, high = max(0.0, min([*lows, 45]) - 5), min(100.0, max([*highs, 82]) + 5)
    top, bottom = 22.0, float(height - 24)

    def y(value: float) -> float:
        return round(scale(value, low, high, bottom, top), 1)

    def line(series: Sequence[Point]) -> list[tuple[float, float]]:
        return [(_x(point.on, first, last), y(point.value)) for point in series]

    def band(series: Sequence[Point]) -> str:
        known = [point for point in series if point.low is not None and point.high is not None]
        upper = [(_x(point.on, first, last), y(point.high or 0)) for point in known]
        lower = [(_x(point.on, first, last), y(point.low or 0)) for point in known]
        return closed(upper, lower) if len(known) > 1 else ""

    now = points[-1]
    paths = [
        ("ab", band(points)),
        ("a1", band([now, *forecast]) if forecast else ""),
        ("l1", path(line(points))),
    ]
    if forecast:
        paths.append(("l1 dash thin", path(line([now, *forecast]))))
    ruler: list[Rect] = []
    ceiling = high
    for tone, floor in floors:
        base = max(floor, low)
        if base < ceiling:
            rect_top, rect_bottom = y(ceiling), y(base)
            ruler.append(Rect(-4, rect_top + 0.6, 3, round(rect_bottom - rect_top - 1.2, 1), f"f-{tone}"))
            ceiling = base
    now_x = round(_x(now.on, first, last) / 10, 2)
    return Plot(
        height=height,
        paths=[pair for pair in paths if pair[1]],
        y_ticks=[Tick(y(value), _label(value)) for value in (50, 65, 80) if low <= value <= high],
        x_ticks=[
            *month_ticks(first, last, until=now.on, labels=month_names),
            Tick(now_x, today_label),
        ],
        rects=ruler,
        notes=[
            Mark(round(_x(note.on, first, last) / 10, 2), 0, str(number))
            for number, note in enumerate(annotations, start=1)
            if first <= note.on <= last
        ],
        last=Mark(now_x, y(now.value), f"{round(now.value)}"),
        base=bottom,
    )


def line_plot(
    series: Sequence[tuple[str, Sequence[float]]],
    *,
    labels: Sequence[str],
    height: int = 176,
    target: float | None = None,
    from_zero: bool = False,
    target_label: str = "",
) -> Plot | None:
    """Lay out at most two lines, equally spaced; None when nothing has two values.

    ``series`` are (css class, values), class l1, l2 or lb. ``labels`` one per value. ``target`` is a dashed rule; points of
    the first series below it are marked bad.
    """
    values = [value for _, line in series for value in line]
    if not values or max(len(line) for _, line in series) < 2:
        return None
    known = [*values, *([target] if target is not None else [])]
    ticks = nice_ticks(0 if from_zero else min(known), max(known))
    low, high = ticks[0], ticks[-1]
    top, bottom = 10.0, float(height - 20)

    def y(value: float) -> float:
        return round(scale(value, low, high, bottom, top), 1)

    paths = []
    for css, line in series:
        drawn = [
            (scale(index, 0, max(1, len(line) - 1), 0, WIDE), y(value)) for index, value in enumerate(line)
        ]
        paths.append((css, path(drawn)))
    main = series[0][1]
    marks = [
        Mark(
            round(index / max(1, len(main) - 1) * 100, 2),
            y(value),
            _label(value),
            "bad" if target is not None and value < target else "",
        )
        for index, value in enumerate(main)
    ]
    return Plot(
        height=height,
        paths=paths,
        y_ticks=[Tick(y(value), _label(value)) for value in ticks],
        x_ticks=_spread(labels),
        marks=marks if len(main) <= 24 else marks[-1:],
        base=bottom,
        target=Mark(0, y(target), target_label) if target is not None else None,
    )


def curve_plot(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    dots: Sequence[tuple[str, float, float, str]] = (),
    floor: float | None = None,
    target: float | None = None,
    target_label: str = "",
    diagonal: bool = False,
    height: int = 224,
) -> Plot | None:
    """Lay out curves of shares over shares, x from 0 to 1, y up to 1; None when no curve has a point.

    ``series`` are (css class, points); ``dots`` (css class, x, y, label). ``floor`` is the lowest y, by default just below the
    lowest value. ``diagonal`` draws where x equals y.
    """
    known = [y for _, points in series for _x, y in points]
    if not known:
        return None
    ticks = nice_ticks(
        min([*known, *([target] if target is not None else [])]) if floor is None else floor, 1.0
    )
    low, high = ticks[0], 1.0
    top, bottom = 8.0, float(height - 22)

    def y(value: float) -> float:
        return round(scale(value, low, high, bottom, top), 1)

    paths = [("lb dash thin", path([(0.0, y(low)), (WIDE, y(high))]))] if diagonal else []
    paths += [(css, path([(x * WIDE, y(value)) for x, value in points])) for css, points in series if points]
    return Plot(
        height=height,
        paths=paths,
        y_ticks=[Tick(y(value), _label(value)) for value in ticks],
        x_ticks=[Tick(place, f"{place}") for place in (0, 25, 50, 75)] + [Tick(100, "100 %")],
        marks=[Mark(round(x * 100, 2), y(value), label, css) for css, x, value, label in dots],
        base=bottom,
        target=Mark(0, y(target), target_label) if target is not None else None,
    )


def stacked_plot(
    columns: Sequence[Sequence[float]], *, css: Sequence[str], labels: Sequence[str], height: int = 176
) -> Plot | None:
    """Lay out stacked columns from zero; ``columns`` one list per label, bottom first, ``css`` one class per layer.

    With one layer this is a plain bar chart. None without columns.
    """
    if not columns:
        return None
    ticks = nice_ticks(0, max(sum(column) for column in columns) or 1)
    high = ticks[-1]
    top, bottom = 8.0, float(height - 20)
    slot = 100 / len(columns)
    rects = []
    for index, column in enumerate(columns):
        level = bottom
        for value, name in zip(column, css, strict=True):
            size = scale(value, 0, high, 0, bottom - top)
            if size > 0:
                rects.append(
                    Rect(
                        round(index * slot + slot * 0.14, 2),
                        round(level - size, 1),
                        round(slot * 0.72, 2),
                        round(max(0.5, size - 1.2), 1),
                        name,
                    )
                )
            level -= size
    return Plot(
        height=height,
        paths=[],
        y_ticks=[Tick(round(scale(value, 0, high, bottom, top), 1), _label(value)) for value in ticks],
        x_ticks=_spread(labels, centred=True),
        rects=rects,
        base=bottom,
    )


def grouped_plot(
    pairs: Sequence[tuple[float, float]], *, css: tuple[str, str], labels: Sequence[str], height: int = 176
) -> Plot | None:
    """Lay out two bars side by side per label, from zero. None without pairs."""
    if not pairs:
        return None
    ticks = nice_ticks(0, max(max(pair) for pair in pairs) or 1)
    high = ticks[-1]
    top, bottom = 8.0, float(height - 20)
    slot = 100 / len(pairs)
    rects = [
        Rect(
            round(index * slot + slot * (0.12 + 0.39 * place), 2),
            round(bottom - size, 1),
            round(slot * 0.36, 2),
            round(size, 1),
            css[place],
        )
        for index, pair in enumerate(pairs)
        for place, value in enumerate(pair)
        if (size := scale(value, 0, high, 0, bottom - top)) > 0
    ]
    return Plot(
        height=height,
        paths=[],
        y_ticks=[Tick(round(scale(value, 0, high, bottom, top), 1), _label(value)) for value in ticks],
        x_ticks=_spread(labels, centred=True),
        rects=rects,
        base=bottom,
    )


def _spread(labels: Sequence[str], *, centred: bool = False, at_most: int = 6) -> list[Tick]:
    """Place at most ``at_most`` labels evenly, in percent."""
    if not labels:
        return []
    every = max(1, -(-len(labels) // at_most))
    span = max(1, len(labels) - 1)
    return [
        Tick(round((index + 0.5) / len(labels) * 100 if centred else index / span * 100, 2), label)
        for index, label in enumerate(labels)
        if index % every == 0
    ]
