"""Sparklines: a short line in a fixed box, its last point marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.charts.scales import path, scale


@dataclass(frozen=True, slots=True)
class Spark:
    """A drawn sparkline: path of the line, path of the area under it, position of the last point, in box units."""

    line: str
    area: str
    x: float
    y: float


def spark(
    points: Sequence[float], *, width: float, height: float, pad_x: float = 2, pad_y: float = 2.5
) -> Spark | None:
    """Fit ``points`` (oldest first) into width x height; None for fewer than two points.

    The axis is cropped to the values (a line may; bars may not). A flat series lies in the middle.
    """
    if len(points) < 2:
        return None
    low, high = min(points), max(points)
    drawn = [
        (
            scale(index, 0, len(points) - 1, pad_x, width - pad_x),
            scale(value, low, high, height - pad_y, pad_y),
        )
        for index, value in enumerate(points)
    ]
    line = path(drawn)
    last_x, last_y = drawn[-1]
    area = f"{line} L{last_x:.1f} {height:.0f} L{drawn[0][0]:.1f} {height:.0f}Z"
    return Spark(line=line, area=area, x=round(last_x, 1), y=round(last_y, 1))
