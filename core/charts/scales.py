"""Scales and paths that all charts share."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """A rule with its label: ``at`` in pixels (y axes) or percent (x axes)."""

    at: float
    label: str


def path(points: Iterable[tuple[float, float]]) -> str:
    """Return the ``d`` of an open line through (x, y) points, one decimal each; "" for no point."""
    return " ".join(f"{'L' if index else 'M'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(points))


def closed(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    """Return the ``d`` of the area between two lines that run in the same direction."""
    return path([*upper, *reversed(lower)]) + "Z" if upper else ""


def scale(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map ``value`` from [low, high] to [start, end]; the middle when the range is empty. Values outside are clamped."""
    if high <= low:
        return (start + end) / 2
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return start + share * (end - start)


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about ``count`` round values that enclose [low, high], ascending, steps of 1, 2, 2.5 or 5 times 10^n."""
    if not math.isfinite(low) or not math.isfinite(high) or high <= low:
        high = low + 1 if math.isfinite(low) else 1.0
        low = low if math.isfinite(low) else 0.0
    raw = (high - low) / max(1, count)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next((factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw - 1e-12), 10 * size)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
