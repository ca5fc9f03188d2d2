"""The tabular model in service: chosen by cross-validation, Platt-calibrated out of fold, with an interval.

The 80 % interval of a prediction is the 10th to 90th percentile of the same learner refitted on bootstrap samples of
the training rows (Efron's percentile method), shifted to lie around the served probability. It says how much the
estimate would move with other training data of the same kind. It does not contain what no refit can know: a changed
market, or whether this one customer leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artefacts import Artefact, ArtefactRefused
from ml.classifiers.folds import assign_folds, assign_group_folds
from ml.metrics import Floats, ranking_figures
from ml.tabular.columns import Column, Matrix, Row, encode, infer_columns
from ml.tabular.learners import LEARNERS, Targets, fit_all
from ml.tabular.tables import AdditiveTables, Contribution
from ml.threads import single_thread

KIND = "additive-tables/1"
REFITS = 20
INTERVAL = (0.10, 0.90)
FEWEST_OF_A_CLASS = 8


def _silent(_line: str) -> None:
    pass


class NotEnoughData(ValueError):
    """There are too few rows of one outcome to learn from and to judge by."""


@dataclass(frozen=True)
class TabularPrediction:
    """Probability of the outcome with its 80 % interval (see the module) and the drivers, strongest first."""

    probability: float
    low: float
    high: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True)
class TabularModel:
    """A calibrated additive model; build it with ``train`` or ``from_artefact``."""

    tables: AdditiveTables
    refits: tuple[AdditiveTables, ...] = ()
    learner: str = ""
    out_of_fold: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def train(
        cls,
        rows: Sequence[Row],
        targets: Sequence[int],
        names: Sequence[str],
        *,
        groups: Sequence[Hashable] | None = None,
        folds: int = 5,
        seed: int = 0,
        refits: int = REFITS,
        report: Callable[[str], None] = _silent,
    ) -> Self:
        """Learn from ``rows`` (name -> raw value) and 0/1 ``targets`` using the features ``names``.

        Rows of one group (the months of an account) stay in one fold and in one bootstrap draw.

        Raises ``NotEnoughData`` when either outcome has fewer than 8 rows or no feature varies.
        """
        outcome = np.array(targets, dtype=int)
        _refuse_too_few(outcome)
        columns = infer_columns(rows, names)
        if not columns:
            raise NotEnoughData("no feature has more than one value")
        matrix = encode(rows, columns)
        return cls.train_encoded(
            matrix, outcome, columns, groups=groups, folds=folds, seed=seed, refits=refits, report=report
        )

    @classmethod
    def train_encoded(
        cls,
        matrix: Matrix,
        outcome: Targets,
        columns: Sequence[Column],
        *,
        groups: Sequence[Hashable] | None = None,
        folds: int = 5,
        seed: int = 0,
        refits: int = REFITS,
        report: Callable[[str], None] = _silent,
    ) -> Self:
        """``train`` with rows that are encoded (``ml.tabular.columns.encode``)."""
        _refuse_too_few(outcome)
        numbers = _folds(outcome, groups, folds, seed)
        with single_thread():
            return cls._fit(matrix, outcome, columns, numbers, groups, seed, refits, report)

    @classmethod
    def _fit(
        cls,
        rows: Matrix,
        outcome: Targets,
        columns: Sequence[Column],
        numbers: Targets,
        groups: Sequence[Hashable] | None,
        seed: int,
        refits: int,
        report: Callable[[str], None],
    ) -> Self:
        """Choose the learner out of fold, calibrate it, fit it on everything and on the bootstrap samples."""
        scores = _out_of_fold(rows, outcome, columns, numbers, seed)
        losses = {name: _log_loss(outcome, _calibrate(outcome, score)[0]) for name, score in scores.items()}
        chosen = min(losses, key=lambda name: (losses[name], name))
        report(f"learner {chosen} of " + ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items()))
        probabilities, slope, offset = _calibrate(outcome, scores[chosen])
        fit = LEARNERS[chosen]
        tables = fit(rows, outcome, columns, seed).scaled(slope, offset).centred(rows)
        # Centred alike, so that also the drivers of two refits can be compared.
        samples = tuple(
            fit(rows[picked], outcome[picked], columns, seed).scaled(slope, offset).centred(rows)
            for picked in _bootstrap(outcome, groups, refits, seed)
        )
        return cls(tables, samples, chosen, ranking_figures(outcome, probabilities))

    @classmethod
    def cross_validate(
        cls,
        rows: Sequence[Row],
        targets: Sequence[int],
        names: Sequence[str],
        *,
        groups: Sequence[Hashable] | None = None,
        folds: int = 5,
        seed: int = 0,
        report: Callable[[str], None] = _silent,
    ) -> tuple[Floats, Floats]:
        """Probabilities of rows that the model did not see, and the training parts' outcome rate beside them.

        Everything, the choice of learner and the calibration included, happens inside each training part.
        """
        outcome = np.array(targets, dtype=int)
        _refuse_too_few(outcome)
        numbers = _folds(outcome, groups, folds, seed)
        ours, priors = np.empty(len(outcome)), np.empty(len(outcome))
        for fold in range(int(numbers.max()) + 1):
            train, held = np.flatnonzero(numbers != fold).tolist(), np.flatnonzero(numbers == fold).tolist()
            priors[held] = outcome[train].mean()
            model = cls.train(
                [rows[i] for i in train],
                outcome[train].tolist(),
                names,
                groups=None if groups is None else [groups[i] for i in train],
                seed=seed,
                refits=0,
            )
            ours[held] = model.predict_proba([rows[i] for i in held])
            report(f"fold {fold + 1} of {int(numbers.max()) + 1}: learner {model.learner}")
        return ours, priors

    def predict_proba(self, rows: Sequence[Row] | Matrix) -> Floats:
        """Calibrated probability of the outcome per row: ``(len(rows),)``."""
        return _sigmoid(self.tables.log_odds(rows))

    def contributions(self, rows: Sequence[Row] | Matrix) -> Floats:
        """Exact contribution of every column in log-odds, 0 = average row: ``(len(rows), len(columns))``.

        Row sums plus ``tables.intercept`` are the log-odds of ``predict_proba``.
        """
        return self.tables.parts(rows)

    def intervals(self, rows: Sequence[Row] | Matrix) -> Floats:
        """Lower and upper end of the 80 % interval per row: ``(len(rows), 2)``; both equal p without refits."""
        centre = self.tables.log_odds(rows)
        if not self.refits:
            return np.column_stack([_sigmoid(centre)] * 2)
        members = np.stack([member.log_odds(rows) for member in self.refits])
        low, high = np.quantile(members - np.median(members, axis=0), INTERVAL, axis=0)
        return np.column_stack(
            [_sigmoid(centre + np.minimum(low, 0)), _sigmoid(centre + np.maximum(high, 0))]
        )

    def predict(self, rows: Sequence[Row]) -> list[TabularPrediction]:
        """Probability, interval and all drivers by strength, per row."""
        if not rows:
            return []
        names = [column.name for column in self.tables.columns]
        probabilities, bounds, parts = (
            self.predict_proba(rows),
            self.intervals(rows),
            self.contributions(rows),
        )
        predictions = []
        for row, probability, (low, high), part in zip(rows, probabilities, bounds, parts, strict=True):
            order = np.argsort(-np.abs(part), kind="stable")
            drivers = tuple(Contribution(names[i], row.get(names[i]), float(part[i])) for i in order)
            predictions.append(TabularPrediction(float(probability), float(low), float(high), drivers))
        return predictions

    def to_artefact(self) -> Artefact:
        """JSON only: tables, refits and figures."""
        model = {
            "kind": KIND,
            "learner": self.learner,
            "tables": self.tables.to_json(),
            "refits": [member.to_json() for member in self.refits],
        }
        return Artefact(metadata={"model": model, "out_of_fold": self.out_of_fold})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Rebuild a stored model; raises ``ArtefactRefused`` when it is of another kind."""
        model = artefact.metadata.get("model", {})
        if model.get("kind") != KIND:
            raise ArtefactRefused(f"this is no {KIND} model")
        return cls(
            tables=AdditiveTables.from_json(model["tables"]),
            refits=tuple(AdditiveTables.from_json(member) for member in model["refits"]),
            learner=model["learner"],
            out_of_fold=artefact.metadata.get("out_of_fold", {}),
        )


def _sigmoid(log_odds: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -40, 40)))
    return result


def _log_loss(outcome: Targets, probability: Floats) -> float:
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.mean(outcome * np.log(clipped) + (1 - outcome) * np.log(1 - clipped)))


def _refuse_too_few(outcome: Targets) -> None:
    if min(int(outcome.sum()), int(len(outcome) - outcome.sum())) < FEWEST_OF_A_CLASS:
        raise NotEnoughData(f"each outcome needs at least {FEWEST_OF_A_CLASS} rows")


def _folds(outcome: Targets, groups: Sequence[Hashable] | None, folds: int, seed: int) -> Targets:
    numbers = (
        assign_folds(outcome, seed, folds)
        if groups is None
        else assign_group_folds(outcome, groups, seed, folds)
    )
    if numbers is None:
        raise NotEnoughData("too few rows to hold any out")
    if any(len(np.unique(outcome[numbers != fold])) < 2 for fold in range(int(numbers.max()) + 1)):
        raise NotEnoughData("one outcome occurs in a single group only")
    return numbers


def _out_of_fold(
    rows: Matrix, outcome: Targets, columns: Sequence[Column], numbers: Targets, seed: int
) -> dict[str, Floats]:
    """Log-odds of every learner for every row, from models that did not see the row's fold."""
    scores = {name: np.empty(len(outcome)) for name in LEARNERS}
    for fold in range(int(numbers.max()) + 1):
        train, held = numbers != fold, numbers == fold
        for name, tables in fit_all(rows[train], outcome[train], columns, seed).items():
            scores[name][held] = tables.log_odds(rows[held])
    return scores


def _calibrate(outcome: Targets, scores: Floats) -> tuple[Floats, float, float]:
    """Platt scaling on out-of-fold log-odds: probabilities, slope and offset; the slope stays positive."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(scores[:, None], outcome)
    slope, offset = max(float(model.coef_[0, 0]), 1e-3), float(model.intercept_[0])
    return _sigmoid(slope * scores + offset), slope, offset


def _bootstrap(
    outcome: Targets, groups: Sequence[Hashable] | None, count: int, seed: int
) -> list[npt.NDArray[np.int_]]:
    """Row numbers of ``count`` samples with replacement; whole groups are drawn, within those with and without outcome."""
    draw = np.random.default_rng(seed)
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups if groups is not None else range(len(outcome))):
        members.setdefault(group, []).append(row)
    units = [np.array(rows) for rows in members.values()]
    ever = np.array([outcome[rows].max() for rows in units])
    strata = [np.flatnonzero(ever == value) for value in (0, 1)]
    samples = []
    for _ in range(count):
        drawn = np.concatenate([draw.choice(stratum, len(stratum)) for stratum in strata if len(stratum)])
        picked = np.concatenate([units[unit] for unit in drawn])
        samples.append(picked if len(np.unique(outcome[picked])) > 1 else np.arange(len(outcome)))
    return samples
