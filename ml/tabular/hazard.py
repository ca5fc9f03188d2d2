"""When something ends: the odds that it ends within each of the next periods, for those who are still there at its start.

Discrete-time survival by person-periods (Allison 1982): a subject observed at a moment is one row for every period that it
entered and whose end has passed, with the outcome "ended in this period". One additive model learns from them all, the period
among its features, so the probability to have ended by the end of period k is 1 - product of (1 - h_j) over j <= k: it grows
with k by construction, and every period teaches, also where later ones are still open.

``clocks`` are features that count days down to a date that comes again every year: they move on with the periods, as the time to
a renewal does while one waits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artefacts import Artefact, ArtefactRefused
from ml.metrics import Floats
from ml.tabular.columns import Column, Matrix, Row, encode, infer_columns
from ml.tabular.model import INTERVAL, REFITS, NotEnoughData, TabularModel

KIND = "additive-hazard/1"
PERIOD = "period"
YEAR = 365.0
# Refits of very many rows take minutes and move little.
MANY_ROWS, FEWER_REFITS = 60_000, 8

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Periods:
    """``count`` periods of ``days`` days each; the first begins ``gap`` days after the moment."""

    count: int = 3
    days: int = 30
    gap: int = 7

    def begins(self, number: int) -> int:
        """Days from the moment to the start of period ``number``, from 1."""
        return self.gap + (number - 1) * self.days

    def ends(self, number: int) -> int:
        """Days from the moment to the end of period ``number``."""
        return self.gap + number * self.days


@dataclass(frozen=True)
class Driver:
    """What a feature adds to the probability, against the average (fractions of 1), and the share of refits that name it too."""

    feature: str
    value: Any
    points: float
    agreement: float


@dataclass(frozen=True)
class HazardPrediction:
    """``by_period[k]``: the probability to have ended by the end of period k + 1. The interval is of the last one, 80 %."""

    by_period: tuple[float, ...]
    low: float
    high: float
    drivers: tuple[Driver, ...]

    @property
    def probability(self) -> float:
        """The probability to have ended by the end of the last period."""
        return self.by_period[-1]


@dataclass(frozen=True)
class HazardModel:
    """Build it with ``train`` or ``from_artefact``. ``odds`` gives the log-odds of a single period."""

    odds: TabularModel
    periods: Periods = field(default_factory=Periods)
    clocks: tuple[str, ...] = ()

    @property
    def learner(self) -> str:
        """Which learner was chosen."""
        return self.odds.learner

    @property
    def columns(self) -> tuple[Column, ...]:
        """The features, the period not among them."""
        return self.odds.tables.columns[:-1]

    @classmethod
    def train(
        cls,
        rows: Sequence[Row] | Mapping[str, npt.NDArray[Any]],
        ended: Sequence[int] | Ints,
        seen: Sequence[int] | Ints,
        names: Sequence[str],
        *,
        periods: Periods | None = None,
        clocks: Sequence[str] = (),
        groups: Sequence[Hashable] | Ints | None = None,
        seed: int = 0,
        folds: int = 5,
        refits: int | None = None,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Self:
        """Learn from rows (or columns) of which ``ended[i]`` is the period that i ended in, 0 for none that is known, and
        ``seen[i]`` how many periods have passed by now.

        Raises ``NotEnoughData`` when too few periods ended, or no feature varies.
        """
        span = periods or Periods()
        columns = infer_columns_of(rows, names) if isinstance(rows, Mapping) else infer_columns(rows, names)
        if not columns:
            raise NotEnoughData("no feature has more than one value")
        matrix = encode_columns(rows, columns) if isinstance(rows, Mapping) else encode(rows, columns)
        last, entered = np.asarray(ended, dtype=np.int64), np.asarray(seen, dtype=np.int64)
        entered = np.minimum(np.where(last > 0, np.minimum(last, entered), entered), span.count)
        parts, outcomes, places = [], [], []
        for number in range(1, span.count + 1):
            there = np.flatnonzero(entered >= number)
            parts.append(_moved_on(matrix[there], columns, clocks, span, number))
            outcomes.append((last[there] == number).astype(int))
            places.append(there)
        place = np.concatenate(places)
        owners = place if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1][place]
        all_columns = [*columns, Column(PERIOD)]
        person_periods = np.vstack(parts)
        if refits is None:
            refits = FEWER_REFITS if len(person_periods) > MANY_ROWS else REFITS
        odds = TabularModel.train_encoded(
            person_periods,
            np.concatenate(outcomes),
            all_columns,
            groups=owners.tolist(),
            folds=folds,
            seed=seed,
            refits=refits,
            report=report,
        )
        return cls(odds, span, tuple(name for name in clocks if any(one.name == name for one in columns)))

    def encode(self, rows: Sequence[Row] | Mapping[str, npt.NDArray[Any]]) -> Matrix:
        """One number per row and feature."""
        return encode_columns(rows, self.columns) if isinstance(rows, Mapping) else encode(rows, self.columns)

    def by_period(self, rows: Sequence[Row] | Mapping[str, npt.NDArray[Any]]) -> Floats:
        """The probability to have ended by the end of each period: ``(rows, periods)``, never falling along a row."""
        matrix = self.encode(rows)
        return _cumulated([self.odds.tables.log_odds(part) for part in self._parts(matrix)])

    def predict_proba(self, rows: Sequence[Row] | Mapping[str, npt.NDArray[Any]]) -> Floats:
        """The probability to have ended by the end of the last period: ``(rows,)``."""
        last: Floats = self.by_period(rows)[:, -1]
        return last

    def effects(self, rows: Sequence[Row] | Mapping[str, npt.NDArray[Any]]) -> list[tuple[str, float]]:
        """Each feature with its mean effect on the log-odds of the first period, either way, strongest first."""
        parts = self.odds.tables.parts(self._parts(self.encode(rows))[0])
        means = np.abs(parts[:, :-1]).mean(axis=0)
        named = [(column.name, float(mean)) for column, mean in zip(self.columns, means, strict=True)]
        return sorted(named, key=lambda pair: -pair[1])

    def predict(self, rows: Sequence[Row]) -> list[HazardPrediction]:
        """Probabilities, interval and drivers by strength, per row."""
        if not rows:
            return []
        matrix = self.encode(rows)
        parts = [self.odds.tables.parts(part) for part in self._parts(matrix)]
        log_odds = [one.sum(axis=1) + self.odds.tables.intercept for one in parts]
        told = _cumulated(log_odds)
        points = self._points(parts, log_odds, told[:, -1])
        members = [[member.parts(part) for part in self._parts(matrix)] for member in self.odds.refits]
        low, high = self._interval(members, log_odds, told[:, -1])
        agreement = self._agreement(members, points)
        names = [column.name for column in self.columns]
        found = []
        for place, row in enumerate(rows):
            order = np.argsort(-np.abs(points[place]), kind="stable")
            drivers = tuple(
                Driver(names[i], row.get(names[i]), float(points[place, i]), float(agreement[place, i]))
                for i in order
            )
            by_period = tuple(float(p) for p in told[place])
            found.append(HazardPrediction(by_period, float(low[place]), float(high[place]), drivers))
        return found

    def _parts(self, matrix: Matrix) -> list[Matrix]:
        return [
            _moved_on(matrix, self.columns, self.clocks, self.periods, number)
            for number in range(1, self.periods.count + 1)
        ]

    def _points(self, parts: Sequence[Floats], log_odds: Sequence[Floats], told: Floats) -> Floats:
        """What the last probability loses when one feature is set back to the average in every period."""
        points = np.empty((len(told), len(self.columns)))
        for place in range(len(self.columns)):
            without = _cumulated([odds - part[:, place] for odds, part in zip(log_odds, parts, strict=True)])
            points[:, place] = told - without[:, -1]
        return points

    def _interval(
        self, members: Sequence[Sequence[Floats]], log_odds: Sequence[Floats], told: Floats
    ) -> tuple[Floats, Floats]:
        if not members:
            return told, told
        sums = [
            [part.sum(axis=1) + refit.intercept for part in parts]
            for parts, refit in zip(members, self.odds.refits, strict=True)
        ]
        ends = np.stack([_logit(_cumulated(one)[:, -1]) for one in sums])
        low, high = np.quantile(ends - np.median(ends, axis=0), INTERVAL, axis=0)
        centre = _logit(told)
        return _sigmoid(centre + np.minimum(low, 0)), _sigmoid(centre + np.maximum(high, 0))

    def _agreement(self, members: Sequence[Sequence[Floats]], points: Floats) -> Floats:
        """The share of refits in which a feature is the strongest of its direction, too; of others, that it has its direction."""
        if not members:
            return np.ones_like(points)
        rows = np.arange(len(points))
        raises, lowers = points.argmax(axis=1), points.argmin(axis=1)
        same: Floats = np.zeros_like(points)
        for parts in members:
            first = parts[0][:, : points.shape[1]]
            signs = np.sign(first) == np.sign(points)
            signs[rows, raises] = first.argmax(axis=1) == raises
            signs[rows, lowers] = first.argmin(axis=1) == lowers
            same += signs
        return same / len(members)

    def to_artefact(self) -> Artefact:
        """JSON only."""
        inner = self.odds.to_artefact()
        model = {
            "kind": KIND,
            "periods": [self.periods.count, self.periods.days, self.periods.gap],
            "clocks": list(self.clocks),
            "learner": self.learner,
            "odds": inner.metadata["model"],
        }
        return Artefact(metadata={"model": model, "out_of_fold": self.odds.out_of_fold})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Rebuild a stored model; raises ``ArtefactRefused`` when it is of another kind."""
        model = artefact.metadata.get("model", {})
        if model.get("kind") != KIND:
            raise ArtefactRefused(f"this is no {KIND} model")
        odds = TabularModel.from_artefact(Artefact(metadata={**artefact.metadata, "model": model["odds"]}))
        return cls(odds, Periods(*model["periods"]), tuple(model["clocks"]))


def infer_columns_of(columns: Mapping[str, npt.NDArray[Any]], names: Sequence[str]) -> list[Column]:
    """``infer_columns`` for arrays: floats are numbers, everything else a category; what never varies is left out."""
    found = []
    for name in names:
        values = columns[name]
        if values.dtype.kind != "f":
            found += infer_columns([{name: value} for value in values.tolist()], [name])
            continue
        known = values[~np.isnan(values)]
        if len(known) and (len(known) < len(values) or known.min() < known.max()):
            found.append(Column(name))
    return found


def encode_columns(columns: Mapping[str, npt.NDArray[Any]], wanted: Sequence[Column]) -> Matrix:
    """``encode`` for arrays."""
    parts = [
        columns[one.name].astype(float)
        if one.numeric
        else encode([{one.name: value} for value in columns[one.name].tolist()], [one])[:, 0]
        for one in wanted
    ]
    return np.column_stack(parts)


def _moved_on(
    matrix: Matrix, columns: Sequence[Column], clocks: Sequence[str], span: Periods, number: int
) -> Matrix:
    """The rows as they are at the start of a period, with its number as the last column."""
    moved = np.column_stack([matrix, np.full(len(matrix), float(number))])
    for place, column in enumerate(columns):
        if column.name in clocks:
            left = moved[:, place] - span.begins(number)
            moved[:, place] = np.where(left < 0, left + YEAR, left)
    return moved


def _cumulated(log_odds: Sequence[Floats]) -> Floats:
    """1 - product of (1 - h): ``(rows, periods)``."""
    parts = np.column_stack([1 - _sigmoid(one) for one in log_odds])
    stays = np.asarray(np.cumprod(parts, axis=1), dtype=np.float64)
    result: Floats = 1 - stays
    return result


def _sigmoid(log_odds: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -40, 40)))
    return result


def _logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    result: Floats = np.log(clipped / (1 - clipped))
    return result
