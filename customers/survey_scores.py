"""Scores of surveys with the interval that their number of answers allows: NPS, CSAT, CES. Pure functions of raw answers.

Vendors compute CSAT and CES in several ways; these are named by FORMULAS, and raw answers are what is stored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054
#: Under so many answers two scores cannot be put in an order.
ENOUGH = 30
FORMULAS = {
    "nps": "100 * (share of 9-10 - share of 0-6), interval by the variance P + D - (P - D)^2",
    "csat": "share of 4-5 on a scale of 1-5, Wilson's interval",
    "ces": "share of 5-7 on a scale of 1-7, Wilson's interval, with the mean",
}


@dataclass(frozen=True, slots=True)
class SurveyScore:
    """A score of ``n`` answers with its 95 % interval; NPS is -100..100, shares are 0..1. All None without answers."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    mean: float | None = None

    @property
    def can_be_ranked(self) -> bool:
        """Whether there are answers enough to compare it with others."""
        return self.n >= ENOUGH


def nps(answers: Sequence[int]) -> SurveyScore:
    """Return the net promoter score of answers 0..10. Raises ValueError for others."""
    _check(answers, 0, 10)
    n = len(answers)
    if not n:
        return SurveyScore(None, None, None, 0)
    promoters = sum(one >= 9 for one in answers) / n
    detractors = sum(one <= 6 for one in answers) / n
    value = 100 * (promoters - detractors)
    margin = 100 * Z95 * math.sqrt((promoters + detractors - (promoters - detractors) ** 2) / n)
    return SurveyScore(value, max(-100.0, value - margin), min(100.0, value + margin), n, sum(answers) / n)


def csat(answers: Sequence[int]) -> SurveyScore:
    """Return the share of 4 and 5 among answers 1..5. Raises ValueError for others."""
    _check(answers, 1, 5)
    return _share(answers, 4)


def ces(answers: Sequence[int]) -> SurveyScore:
    """Return the share of 5 to 7 among answers 1..7 to "it was easy". Raises ValueError for others."""
    _check(answers, 1, 7)
    return _share(answers, 5)


def wilson_interval(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Return the interval of a share of ``n`` at least 1 (Wilson, JASA 22, 1927): never outside 0..1, never empty."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    margin = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _share(answers: Sequence[int], good: int) -> SurveyScore:
    n = len(answers)
    if not n:
        return SurveyScore(None, None, None, 0)
    hits = sum(one >= good for one in answers)
    return SurveyScore(hits / n, *wilson_interval(hits, n), n, sum(answers) / n)


def _check(answers: Sequence[int], lowest: int, highest: int) -> None:
    if any(not lowest <= one <= highest for one in answers):
        raise ValueError(f"answers are {lowest} to {highest}")
