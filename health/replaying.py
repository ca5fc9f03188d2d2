"""Two cards side by side over the past: who would have had which band, and which card saw leaving coming. Pure functions.

A row is an account: ``{"id", "name", "left": day or None, "live": [point], "draft": [point]}``; a point is
``[score or None, band, coverage]``, one per moment, None before the account came and after it left.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

Row = Mapping[str, Any]

GAP, HORIZON = timedelta(days=7), timedelta(days=90)
SURPRISE = timedelta(days=60)
CALM = ("healthy", "steady")
SIDES = ("live", "draft")
SHOWN_MOVERS = 12


def summary_of(rows: Sequence[Row], days: Sequence[date], today: date) -> dict[str, Any]:
    """Return the figures of both sides, the moves between bands at the last moment and the accounts that move most."""
    last = [row for row in rows if row["live"] and row["live"][-1] and row["draft"][-1]]
    moves: dict[str, int] = {}
    for row in last:
        key = f"{row['live'][-1][1]}>{row['draft'][-1][1]}"
        moves[key] = moves.get(key, 0) + 1
    moved = [
        {"id": row["id"], "name": row["name"], "live": row["live"][-1][0], "draft": row["draft"][-1][0],
         "live_band": row["live"][-1][1], "draft_band": row["draft"][-1][1]}
        for row in last
        if row["live"][-1][0] is not None and row["draft"][-1][0] is not None
    ]  # fmt: skip
    moved.sort(key=lambda one: -abs(one["draft"] - one["live"]))
    return {
        **{side: figures(rows, days, side, today) for side in SIDES},
        "accounts": len(rows),
        "moves": moves,
        "moved": sum(number for key, number in moves.items() if len(set(key.split(">"))) == 2),
        "movers": moved[:SHOWN_MOVERS],
    }


def figures(rows: Sequence[Row], days: Sequence[date], side: str, today: date) -> dict[str, Any]:
    """Return AUC, lift at the worst tenth, surprise churn, stability, coverage and the share of Unknown of one side.

    AUC and lift are over moments whose 7 + 90 days are over, accounts that had left by then left out; None without churn.
    """
    scores, labels = _labelled(rows, days, side, today)
    points = [point for row in rows for point in row[side] if point]
    jumps = [
        abs(new[0] - old[0])
        for row in rows
        for old, new in pairwise(row[side])
        if old and new and old[0] is not None and new[0] is not None
    ]
    flips = [old[1] != new[1] for row in rows for old, new in pairwise(row[side]) if old and new]
    left, surprised = _surprises(rows, days, side)
    return {
        "auc": auc(scores, labels),
        "lift": lift(scores, labels),
        "observations": len(labels),
        "churned": int(sum(labels)),
        "left": left,
        "surprised": surprised,
        "jump": _mean(jumps),
        "flips": _mean(flips),
        "coverage": _mean([point[2] for point in points]),
        "unknown": _mean([point[1] == "unknown" for point in points]),
    }


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return how often an account that left had the lower score, ties half; None without both kinds."""
    values, churned = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    bad, good = values[churned], np.sort(values[~churned])
    if not len(bad) or not len(good):
        return None
    above = len(good) - np.searchsorted(good, bad, side="right")
    ties = len(good) - above - np.searchsorted(good, bad, side="left")
    return round(float((above + ties / 2).sum() / (len(bad) * len(good))), 4)


def lift(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return the share of leavers in the tenth with the lowest scores over the share of all; None without leavers."""
    if not any(labels):
        return None
    churned = np.asarray(labels, dtype=float)[np.argsort(np.asarray(scores, dtype=float), kind="stable")]
    tenth = max(1, len(churned) // 10)
    return round(float(churned[:tenth].mean() / churned.mean()), 2)


def _labelled(
    rows: Sequence[Row], days: Sequence[date], side: str, today: date
) -> tuple[list[float], list[bool]]:
    scores, labels = [], []
    for row in rows:
        left = date.fromisoformat(row["left"]) if row["left"] else None
        for day, point in zip(days, row[side], strict=True):
            if not point or point[0] is None or day + GAP + HORIZON > today:
                continue
            if left is not None and left <= day + GAP:
                continue
            scores.append(point[0])
            labels.append(left is not None and left <= day + GAP + HORIZON)
    return scores, labels


def _surprises(rows: Sequence[Row], days: Sequence[date], side: str) -> tuple[int, int]:
    """Return how many left with a band 60 days before, and how many of those were Healthy or Steady then."""
    left = surprised = 0
    for row in rows:
        if not row["left"]:
            continue
        until = date.fromisoformat(row["left"]) - SURPRISE
        bands = [point[1] for day, point in zip(days, row[side], strict=True) if point and day <= until]
        if bands and bands[-1] != "unknown":
            left, surprised = left + 1, surprised + (bands[-1] in CALM)
    return left, surprised


def _mean(values: Sequence[Any]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
