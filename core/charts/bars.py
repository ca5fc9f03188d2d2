"""Bars: one strip of shares, and signed bars that start on a common zero."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a strip: ``x`` and ``width`` in percent of the whole, ``tone`` a colour word of the stylesheet."""

    x: float
    width: float
    tone: str
    label: str
    share: float


def segments(parts: Sequence[tuple[float, str, str]], *, gap: float = 0.4) -> list[Segment]:
    """Lay (value, tone, label) parts side by side on 0..100 %; values at or below zero are left out."""
    total = sum(value for value, _, _ in parts if value > 0)
    laid: list[Segment] = []
    start = 0.0
    for value, tone, label in parts:
        if value <= 0 or total <= 0:
            continue
        width = value / total * 100
        laid.append(
            Segment(
                x=round(start, 2),
                width=round(max(0.3, width - (gap if start + width < 99.99 else 0)), 2),
                tone=tone,
                label=label,
                share=value / total,
            )
        )
        start += width
    return laid


@dataclass(frozen=True, slots=True)
class Bar:
    """A signed bar around the middle: ``x`` and ``width`` in units of the given box."""

    x: float
    width: float


def diverging(values: Sequence[float], *, box: float = 100.0, limit: float | None = None) -> list[Bar]:
    """Return one bar per value in a box whose zero is the middle; all bars share one scale.

    ``limit`` is the absolute value that fills a half (default: the largest of the values).
    """
    largest = limit or max((abs(value) for value in values), default=0) or 1.0
    half = box / 2
    bars = []
    for value in values:
        width = min(1.0, abs(value) / largest) * half * 0.96
        bars.append(Bar(x=round(half if value >= 0 else half - width, 2), width=round(width, 2)))
    return bars
