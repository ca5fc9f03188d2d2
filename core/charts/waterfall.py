"""The score waterfall: from an earlier score to today's, one step per signal that moved it."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.charts.scales import scale


@dataclass(frozen=True, slots=True)
class Step:
    """One row: a total (a point) or a step (a bar). x and width are percent; ``link_x`` is where the next row starts."""

    label: str
    detail: str
    value: float
    is_total: bool
    x: float
    width: float
    link_x: float
    tone: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The rows, first total, steps, last total."""

    steps: list[Step]


def waterfall(
    start: float, end: float, steps: Sequence[tuple[str, str, float]], *, start_label: str, end_label: str
) -> Waterfall:
    """Lay out (label, detail, points) steps between two scores of 0..100.

    Totals are points because the axis is cropped to the scores that occur, with a twelfth of room on both sides.
    What the steps do not explain (rounding, a changed weight) stays visible as the gap before the last total.
    """
    levels = [start]
    for _, _, points in steps:
        levels.append(levels[-1] + points)
    low, high = min([*levels, end]), max([*levels, end])
    room = max(1.0, (high - low) / 6)
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round(scale(value, low, high, 0, 100), 1)

    rows = [Step(start_label, "", start, True, at(start), 0, at(start), "steady", False)]
    for (label, detail, points), before, after in zip(steps, levels[:-1], levels[1:], strict=True):
        left, right = sorted((at(before), at(after)))
        tone = "good" if points > 0 else "bad"
        rows.append(Step(label, detail, points, False, left, round(right - left, 1), at(after), tone, False))
    rows.append(Step(end_label, "", end, True, at(end), 0, at(end), "steady", True))
    return Waterfall(rows)
