"""A map of moves between stations in their order: boxes side by side, arcs above for moves ahead and below for moves back."""

from collections.abc import Sequence
from dataclasses import dataclass

BOX_WIDTH, BOX_HEIGHT, GAP = 132.0, 58.0, 56.0
THINNEST, THICKEST = 1.5, 9.0
LEVEL = 26.0


@dataclass(frozen=True, slots=True)
class Box:
    """A station: its place and its two lines of text."""

    x: float
    y: float
    label: str
    sub: str
    tone: str


@dataclass(frozen=True, slots=True)
class Arc:
    """A move: an SVG path, its width, where its number stands, and whether it goes back."""

    path: str
    width: float
    x: float
    y: float
    label: str
    title: str
    back: bool


@dataclass(frozen=True, slots=True)
class FlowMap:
    """A drawing of ``width`` x ``height`` units."""

    width: float
    height: float
    box_width: float
    box_height: float
    boxes: tuple[Box, ...]
    arcs: tuple[Arc, ...]


def flow_map(
    stations: Sequence[tuple[str, str, str]], moves: Sequence[tuple[int, int, float, str]]
) -> FlowMap:
    """Lay stations (label, second line, tone) out from left to right, and moves (from, to, number, title) as arcs between them.

    Places are in units of the drawing; an arc's width grows with the square root of its number, so that small moves stay visible.
    """
    largest = max((number for _from, _to, number, _title in moves), default=1) or 1
    furthest = max((abs(to - start) for start, to, _n, _t in moves if to > start), default=1)
    back = max((abs(to - start) for start, to, _n, _t in moves if to < start), default=0)
    top = LEVEL * furthest + 18
    boxes = tuple(
        Box(GAP / 2 + place * (BOX_WIDTH + GAP), top, label, sub, tone)
        for place, (label, sub, tone) in enumerate(stations)
    )
    arcs = []
    for start, to, number, title in moves:
        ahead = to > start
        x0 = boxes[start].x + BOX_WIDTH * (0.62 if ahead else 0.38)
        x1 = boxes[to].x + BOX_WIDTH * (0.38 if ahead else 0.62)
        edge = top if ahead else top + BOX_HEIGHT
        bend = LEVEL * abs(to - start) * (4 / 3)
        peak = edge - bend if ahead else edge + bend
        arcs.append(
            Arc(
                path=f"M{x0:.1f} {edge:.1f} C{x0:.1f} {peak:.1f} {x1:.1f} {peak:.1f} {x1:.1f} {edge:.1f}",
                width=round(THINNEST + (THICKEST - THINNEST) * (number / largest) ** 0.5, 2),
                x=round((x0 + x1) / 2, 1),
                y=round(edge + (peak - edge) * 0.75 + (-6 if ahead else 14), 1),
                label=f"{number:g}",
                title=title,
                back=not ahead,
            )
        )
    width = len(stations) * (BOX_WIDTH + GAP)
    return FlowMap(
        max(width, 1.0), top + BOX_HEIGHT + LEVEL * back + 22, BOX_WIDTH, BOX_HEIGHT, boxes, tuple(arcs)
    )
