"""How long something takes when not everybody is done yet: the estimate of Kaplan and Meier, its interval and its median.

Who has not finished is not left out but counts as "longer than so far" (censored). The median of those who finished alone is
too short, since the quick ones finish first. Kaplan and Meier, "Nonparametric estimation from incomplete observations",
JASA 53 (1958); variance by Greenwood; interval on the scale of log(-log S), which stays within 0 and 1; interval of the
median by Brookmeyer and Crowley, Biometrics 38 (1982).
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

#: Products of fractions miss a share such as one half by rounding only.
_NEAR = 1e-12
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Step:
    """What is left just after ``time``: the share ``left`` (0..1) with its interval and standard error.

    ``at_risk`` were still under way just before, ``events`` finished then.
    """

    time: float
    at_risk: int
    events: int
    left: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Survival:
    """A curve: 1 before the first step, constant between steps. ``n`` were watched, ``events`` of them finished.

    ``longest`` is the longest time anybody was watched; the curve says nothing about what is later.
    """

    n: int
    events: int
    longest: float
    steps: tuple[Step, ...]

    def left_at(self, time: float) -> float:
        """Return the share still under way after ``time``, 0..1."""
        left = 1.0
        for step in self.steps:
            if step.time > time:
                break
            left = step.left
        return left

    def quantile(self, share: float) -> float | None:
        """Return the time by which ``share`` (0..1) have finished; None when so many have not yet."""
        return next((step.time for step in self.steps if step.left <= 1 - share + _NEAR), None)

    @property
    def median(self) -> float | None:
        """The time by which half have finished; None when fewer have."""
        return self.quantile(0.5)

    @property
    def median_interval(self) -> tuple[float | None, float | None]:
        """The times at which the interval of the curve crosses one half; None for an end that is not reached."""
        low = next((step.time for step in self.steps if step.low <= 0.5 + _NEAR), None)
        high = next((step.time for step in self.steps if step.high <= 0.5 + _NEAR), None)
        return low, high

    def mean_until(self, end: float) -> float:
        """Return the mean time under way, counted up to ``end`` (the restricted mean: the area under the curve)."""
        area, left, reached = 0.0, 1.0, 0.0
        for step in self.steps:
            if step.time >= end:
                break
            area += left * (step.time - reached)
            left, reached = step.left, step.time
        return area + left * max(0.0, end - reached)


def survival(times: Iterable[float], observed: Iterable[bool], *, z: float = Z95) -> Survival:
    """Estimate a curve from the ``times`` (at least 0, any unit) and whether each ended (True) or still goes on (False).

    Who stops being watched at the time of an event counts as under way then, as is usual. ``z`` is the width of the interval in
    standard errors. No times give an empty curve. Raises ValueError for times below 0 or not finite, or of another number.
    """
    pairs = list(zip(times, observed, strict=True))
    if any(not math.isfinite(time) or time < 0 for time, _ in pairs):
        raise ValueError("times must be finite and at least 0")
    ended = Counter(time for time, done in pairs if done)
    leaving = Counter(time for time, _ in pairs)
    at_risk, left, hazard = len(pairs), 1.0, 0.0
    steps: list[Step] = []
    for time in sorted(leaving):
        events = ended[time]
        if events:
            left *= 1 - events / at_risk
            if events < at_risk:
                hazard += events / (at_risk * (at_risk - events))
            low, high = _interval(left, hazard, z, steps[-1] if steps else None)
            steps.append(Step(time, at_risk, events, left, left * math.sqrt(hazard), low, high))
        at_risk -= leaving[time]
    return Survival(len(pairs), sum(ended.values()), max(leaving, default=0.0), tuple(steps))


def _interval(left: float, hazard: float, z: float, before: Step | None) -> tuple[float, float]:
    """Bounds of a share; when nobody is left the variance is unknown, and the upper bound stays where it was."""
    if left <= 0:
        return 0.0, before.high if before else 1.0
    spread = z * math.sqrt(hazard) / abs(math.log(left))
    return left ** math.exp(spread), left ** math.exp(-spread)
