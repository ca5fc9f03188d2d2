"""The best that any model can do on the demo world: the probability to leave of who knows the truth of the moment.

It knows an account's satisfaction up to a moment, its mean, the hazard's formula and the contract, and not what comes: the next
weeks are drawn as the world draws them (``cs_ops.demo.latent``). Beside it stands what a prophet would say who knows the drawn
satisfaction of the weeks to come, too: nothing that is known at the moment can reach it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from cs_ops.demo.latent import INNOVATION, NOTICE_LAG_WEEKS, PERSISTENCE, SHOCK_RATE, SHOCK_SIZES, WEEKS

Floats = npt.NDArray[np.float64]
DRAWS = 100
LOOKED_AHEAD = 15
# A notice is dated zero to four days before the week that it was drawn in.
EARLIER = 5


@dataclass(frozen=True)
class Truth:
    """What ``demo-truth.json`` tells: one row per account, in the order of ``account_ids``; a column per week."""

    account_ids: npt.NDArray[np.int64]
    mean: Floats
    satisfaction: Floats
    hazard: Floats
    shock_week: npt.NDArray[np.int64]
    since: npt.NDArray[np.int64]
    renewal: npt.NDArray[np.int64]
    today: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Truth":
        """Read what ``write_truth`` wrote."""
        rows: Sequence[dict[str, Any]] = told["accounts"]
        return cls(
            np.array([row["account"] for row in rows]),
            np.array([row["mean_satisfaction"] for row in rows]),
            np.array([row["satisfaction"] for row in rows]),
            np.array([row["hazard"] for row in rows]),
            np.array([WEEKS if row["shock"] is None else row["shock"]["week"] for row in rows]),
            np.array([_ordinal(row["since"]) for row in rows]),
            np.array([_ordinal(row["renewal"]) for row in rows]),
            datetime.fromisoformat(told["made_at"]).date().toordinal(),
        )


def best_probabilities(
    truth: Truth, account_ids: npt.NDArray[np.int64], day: int, *, gap: int, horizon: int, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return for accounts at a moment (an ordinal day) the probability to leave in (day + gap, day + gap + horizon].

    First of who knows the truth of the moment (the mean of 100 drawn futures), then of the prophet.
    """
    place = np.searchsorted(truth.account_ids, account_ids)
    # The last week that is not after the moment; position WEEKS - 1 is today.
    now = WEEKS - 1 - -(-(truth.today - day) // 7)
    ahead = range(now + 1, min(WEEKS, now + 1 + LOOKED_AHEAD))
    days = np.array([truth.today - 7 * (WEEKS - 1 - week) for week in ahead])
    inside = _share(days, day + gap, day + gap + horizon)
    before = _share(days, day, day + gap)
    near = np.where((truth.renewal[place, None] - days) % 365 <= 70, 1.1, 0.0)
    settled = (days - truth.since[place, None]) >= 70
    prophet = _probability(truth.hazard[place][:, list(ahead)], before, inside)
    rng, total = np.random.default_rng(seed), np.zeros(len(place))
    for _draw in range(DRAWS):
        paths = _paths(truth, place, now, len(days), rng)
        hazard = settled / (1 + np.exp(5.8 + 1.45 * paths - near))
        total += _probability(hazard, before, inside)
    return total / DRAWS, prophet


def _paths(
    truth: Truth, place: npt.NDArray[np.int64], now: int, weeks: int, rng: np.random.Generator
) -> Floats:
    """Satisfaction that the hazard of each coming week looks at: two weeks before it, known for the first two."""
    mean, last = truth.mean[place], truth.satisfaction[place, now]
    known = [truth.satisfaction[place, now + 1 - NOTICE_LAG_WEEKS], last]
    struck = truth.shock_week[place] <= now
    values = list(known)
    for step in range(weeks - len(known)):
        last = mean + PERSISTENCE * (last - mean) + rng.normal(0, INNOVATION, len(place))
        week = now + 1 + step
        # Who was spared so far is struck in each of the weeks that are left with the same chance.
        left = max(1, WEEKS - 2 - week)
        spared = SHOCK_RATE * left / (WEEKS - 12) / (1 - SHOCK_RATE + SHOCK_RATE * left / (WEEKS - 12))
        strikes = ~struck & (rng.random(len(place)) < (spared / left if 10 <= week < WEEKS - 2 else 0.0))
        struck |= strikes
        last = last + np.where(strikes, rng.choice(SHOCK_SIZES, len(place)), 0.0)
        values.append(last)
    return np.column_stack(values[:weeks])


def _share(days: npt.NDArray[np.int64], after: int, until: int) -> Floats:
    """The share of the dates that a notice of each week may bear that lies in (after, until]."""
    dates = days[:, None] - np.arange(EARLIER)
    share: Floats = ((dates > after) & (dates <= until)).mean(axis=1)
    return share


def _probability(hazard: Floats, before: Floats, inside: Floats) -> Floats:
    """To leave inside the window, of those who are still there when it begins."""
    stays_until = np.prod(1 - hazard * before, axis=1)
    stays_through = np.prod(1 - hazard * np.minimum(1.0, before + inside), axis=1)
    result: Floats = 1 - stays_through / stays_until
    return result


def _ordinal(text: str) -> int:
    return date.fromisoformat(text[:10]).toordinal()
