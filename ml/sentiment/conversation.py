"""The running sentiment of a conversation or account: newer and surer messages count more."""

from __future__ import annotations

from collections.abc import Iterable

HALF_LIFE_DAYS = 21.0


def conversation_score(scored: Iterable[tuple[float, float, float]]) -> float | None:
    """Weighted mean score in -1..1 of messages given as ``(score, confidence, age in days)``; None without messages.

    Sum of s * c * 2^(-age / 21 d) over sum of c * 2^(-age / 21 d) (specs/customer_success.md, 2.2). Scores are -1..1,
    confidences 0..1; a negative age counts as 0.
    """
    total = weights = 0.0
    for score, confidence, age in scored:
        weight = confidence * 2 ** (-max(age, 0.0) / HALF_LIFE_DAYS)
        total += score * weight
        weights += weight
    return total / weights if weights > 0 else None
