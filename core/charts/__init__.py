"""Geometry of the small charts, from numbers to positions. No HTML here: the templates in ``templates/ui/`` draw it.

Charts that stretch use two systems at once: text, dots and rules lie in the outer ``<svg>`` without a viewBox (x in
percent, y in pixels), lines and areas in a nested ``<svg>`` with viewBox ``0 0 1000 H`` that alone stretches. So text
stays 11 px at any width and no chart needs a script.
"""

from core.charts.bars import Bar, Segment, diverging, segments
from core.charts.plot import (
    Annotation,
    Plot,
    Point,
    curve_plot,
    grouped_plot,
    history_plot,
    line_plot,
    stacked_plot,
)
from core.charts.scales import Tick, nice_ticks, path
from core.charts.sparks import Spark, spark
from core.charts.waterfall import Step, Waterfall, waterfall

__all__ = [
    "Annotation",
    "Bar",
    "Plot",
    "Point",
    "Segment",
    "Spark",
    "Step",
    "Tick",
    "Waterfall",
    "curve_plot",
    "diverging",
    "grouped_plot",
    "history_plot",
    "line_plot",
    "nice_ticks",
    "path",
    "segments",
    "spark",
    "stacked_plot",
    "waterfall",
]
