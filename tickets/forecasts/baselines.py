"""The trivial forecasts: the median of tickets in the same state, and how often promises are missed by state and time used.

They are what a model has to beat, and what is shown, by its name, as long as none does. Learned daily by
``tickets.services.learn_baselines`` and kept as a setting.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.models import Setting

SETTING = "tickets.forecast_baselines"
MEDIAN_BY_STATE = "median_by_state"
RATE_BY_STATE = "rate_by_state"
FEWEST = 20
# Shares of the promised time that are told apart, and how many average rows each cell begins with.
USED = (0.25, 0.5, 0.75, 0.9)
PRIOR = 10.0


@dataclass(frozen=True)
class MedianByState:
    """Hours by kind of status: median and what eight of ten stay within."""

    states: Mapping[str, tuple[float, float]]
    everything: tuple[float, float]

    @classmethod
    def learn(cls, rows: Iterable[tuple[str, float]]) -> "MedianByState | None":
        """From (status, hours); None when there are fewer than 20."""
        by: dict[str, list[float]] = defaultdict(list)
        for state, hours in rows:
            by[state].append(hours)
        everything = [hours for found in by.values() for hours in found]
        if len(everything) < FEWEST:
            return None
        return cls(
            {state: _quantiles(found) for state, found in by.items() if len(found) >= FEWEST},
            _quantiles(everything),
        )

    def tell(self, state: str) -> tuple[float, float]:
        """Median and upper hours; those of all tickets where a state is rare."""
        return self.states.get(state, self.everything)

    def to_json(self) -> dict[str, Any]:
        """For the setting."""
        return {
            "states": {state: list(pair) for state, pair in self.states.items()},
            "all": list(self.everything),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "MedianByState":
        """From the setting."""
        states = {state: (float(pair[0]), float(pair[1])) for state, pair in stored["states"].items()}
        return cls(states, (float(stored["all"][0]), float(stored["all"][1])))


@dataclass(frozen=True)
class RateByState:
    """How often the next promise is missed, by kind of status and share of the time used."""

    cells: Mapping[str, float]
    rate: float

    @classmethod
    def learn(cls, rows: Iterable[tuple[str, float | None, int]]) -> "RateByState | None":
        """From (status, used share, missed); None when there are fewer than 20."""
        found: dict[str, list[int]] = defaultdict(list)
        for state, used, missed in rows:
            found[_cell(state, used)].append(missed)
        everything = [missed for hits in found.values() for missed in hits]
        if len(everything) < FEWEST:
            return None
        rate = sum(everything) / len(everything)
        cells = {cell: (sum(hits) + PRIOR * rate) / (len(hits) + PRIOR) for cell, hits in found.items()}
        return cls(cells, rate)

    def tell(self, state: str, used: float | None) -> float:
        """The probability of a miss."""
        return self.cells.get(_cell(state, used), self.rate)

    def to_json(self) -> dict[str, Any]:
        """For the setting."""
        return {"cells": dict(self.cells), "rate": self.rate}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RateByState":
        """From the setting."""
        return cls({cell: float(rate) for cell, rate in stored["cells"].items()}, float(stored["rate"]))


def stored_baselines() -> Mapping[str, Any]:
    """What was learned last: ``at``, ``horizon_hours``, ``remaining_time``, ``sla_breach`` (None: too little is known); empty
    before that. One query."""
    value = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first()
    return value if isinstance(value, dict) else {}


def _cell(state: str, used: float | None) -> str:
    return f"{state}:{'-' if used is None else int(np.searchsorted(USED, used))}"


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    median, likely = np.quantile(np.array(values, dtype=float), (0.5, 0.8))
    return float(median), float(likely)
