"""Which of the adapter's answers are worth showing, by what its card says was measured on held-out messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import sqrt
from typing import Any

from ml.sentiment.scorer import ADAPTER_FOLDER

Z = 1.959964  # 95 %
# What is shown as true must be true more often than not.
LEAST_PRECISION = 0.5


@cache
def trusted_heads() -> frozenset[str]:
    """The answers of the shipped adapter that may be shown; none without a card. Loads no model."""
    try:
        card = json.loads((ADAPTER_FOLDER / "adapter.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return heads_worth_showing(card)


def heads_worth_showing(card: Mapping[str, Any]) -> frozenset[str]:
    """The answers whose precision beats chance: the low end of its 95 % interval (Wilson 1927) is above the share of messages of
    which the answer is true, and it was right more often than wrong."""
    measured = card.get("measured", {}).get("corpus_held_out", {})
    rows = measured.get("fully labelled", {}).get("rows", 0)
    return frozenset(
        head for head, figures in measured.get("heads", {}).items() if rows and _is_worth(figures, rows)
    )


def _is_worth(figures: Mapping[str, Any], rows: int) -> bool:
    precision, recall, true = figures.get("precision"), figures.get("recall"), figures.get("true", 0)
    if not precision or not recall or precision < LEAST_PRECISION:
        return False
    return wilson_low(precision, round(recall * true / precision)) > float(true) / rows


def wilson_low(share: float, size: int) -> float:
    """The low end of the 95 % interval of a share that was seen in ``size`` cases; 0 for none."""
    if size <= 0:
        return 0.0
    middle = share + Z**2 / (2 * size)
    spread = Z * sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    return (middle - spread) / (1 + Z**2 / size)
