"""The truth of the demo world: satisfaction per account and week, shocks, and who leaves when. Pure functions of a seed."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WEEKS = 60
PERSISTENCE = 0.93
INNOVATION = 0.26
NOTICE_LAG_WEEKS = 2
SHOCKS = ("sponsor left", "outage", "price talk", "failed rollout", "rescue")
SHOCK_RATE = 0.34
SHOCK_SHARES = (0.28, 0.26, 0.12, 0.16, 0.18)
# Sizes as they are drawn, for who reckons with them: eighteen of a hundred are rescues.
SHOCK_SIZES = np.concatenate([np.linspace(-2.4, -1.2, 82), np.linspace(1.0, 1.8, 18)])


@dataclass(frozen=True)
class Shock:
    """Something that moved satisfaction at once: in week ``week`` by ``size``."""

    week: int
    kind: str
    size: float


@dataclass(frozen=True)
class Life:
    """One account's truth. ``satisfaction`` has one value per week, oldest first, about −3..3.

    ``notice_on`` and ``ends_on`` are None for those who stay; ``ends_on`` may lie in the future.
    """

    mean: float
    satisfaction: Floats
    hazard: Floats
    shock: Shock | None
    notice_on: date | None
    ends_on: date | None

    def at(self, day: date, today: date) -> float:
        """Satisfaction on a day, linear between weeks."""
        position = WEEKS - 1 - (today - day).days / 7
        weeks = np.arange(WEEKS, dtype=float)
        return float(np.interp(position, weeks, self.satisfaction))


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random stream of a purpose: parts of the world do not shift when another part draws more."""
    words = [
        seed,
        *(int.from_bytes(str(name).encode()[:12].ljust(4, b"\0"), "big") % 2**32 for name in names),
    ]
    return np.random.default_rng(words)


def live(seed: int, number: int, *, since: date, renewal: date, today: date) -> Life:
    """Draw the life of account ``number``: AR(1) satisfaction around its own mean, perhaps a shock, weekly churn hazard.

    h = 1 / (1 + exp(5.8 + 1.45 s − near)), s the satisfaction two weeks before, ``near`` 1.1 in the ten weeks before the
    renewal. A notice ends the contract four to nine weeks later. Nobody leaves in the first ten weeks.
    """
    rng = stream(seed, "life", number)
    mean = float(rng.normal(0.7, 0.9))
    noise = rng.normal(0, INNOVATION, WEEKS)
    shock = _draw_shock(rng)
    values = np.empty(WEEKS)
    values[0] = mean + rng.normal(0, INNOVATION / np.sqrt(1 - PERSISTENCE**2))
    for week in range(1, WEEKS):
        values[week] = mean + PERSISTENCE * (values[week - 1] - mean) + noise[week]
        if shock is not None and week == shock.week:
            values[week] += shock.size
    hazard = np.zeros(WEEKS)
    notice_week = None
    for week in range(NOTICE_LAG_WEEKS, WEEKS):
        day = today - timedelta(days=7 * (WEEKS - 1 - week))
        if (day - since).days < 70:
            continue
        near = 1.1 if 0 <= _days_to(renewal, day) <= 70 else 0.0
        hazard[week] = 1 / (1 + np.exp(5.8 + 1.45 * values[week - NOTICE_LAG_WEEKS] - near))
        if notice_week is None and rng.random() < hazard[week]:
            notice_week = week
    if notice_week is None:
        return Life(mean, values, hazard, shock, None, None)
    notice = today - timedelta(days=7 * (WEEKS - 1 - notice_week) + int(rng.integers(0, 5)))
    return Life(mean, values, hazard, shock, notice, notice + timedelta(days=int(rng.integers(28, 64))))


def _draw_shock(rng: np.random.Generator) -> Shock | None:
    if rng.random() > SHOCK_RATE:
        return None
    kind = SHOCKS[int(rng.choice(len(SHOCKS), p=SHOCK_SHARES))]
    size = float(rng.uniform(1.0, 1.8)) if kind == "rescue" else -float(rng.uniform(1.2, 2.4))
    return Shock(int(rng.integers(10, WEEKS - 2)), kind, size)


def _days_to(renewal: date, day: date) -> int:
    """Days from ``day`` to the yearly anniversary of ``renewal`` on or after it."""
    return (renewal - day).days % 365
