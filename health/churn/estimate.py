"""The churn model in service: probability, interval and drivers per account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from health.churn.features import FEATURES, Row
from ml.serving.answers import Item
from ml.serving.door import predict
from ml.tabular import TabularPrediction

TASK = "churn"
DRIVERS = 6
LEAST_POINTS = 0.1


@dataclass(frozen=True)
class ChurnEstimate:
    """Probability to leave in the 90 days after a week, its 80 % interval, and what moves it, in percentage points."""

    probability: float
    low: float
    high: float
    model: str
    drivers: Sequence[Mapping[str, Any]]


def estimate_churn(rows: Mapping[int, Row]) -> dict[int, ChurnEstimate]:
    """Return an estimate per account id; none at all while no model answers: there is no rule for it."""
    ids = sorted(rows)
    answers = predict(TASK, [Item(rows[pk], pk) for pk in ids])
    told: dict[int, TabularPrediction] = {
        pk: answer.value for pk, answer in zip(ids, answers, strict=True) if answer.value is not None
    }
    models = {pk: answer.served.source for pk, answer in zip(ids, answers, strict=True)}
    return {
        pk: ChurnEstimate(
            probability=prediction.probability,
            low=prediction.low,
            high=prediction.high,
            model=models[pk],
            drivers=_drivers(prediction),
        )
        for pk, prediction in told.items()
    }


def _drivers(prediction: TabularPrediction) -> list[dict[str, Any]]:
    """Return the strongest drivers; points are what the probability loses when the driver is set back to the average."""
    whole = _logit(prediction.probability)
    lines: list[dict[str, Any]] = [
        {
            "key": part.feature,
            "value": part.value,
            "points": round(100 * (prediction.probability - _sigmoid(whole - part.log_odds)), 2),
        }
        for part in prediction.contributions
        if part.feature in FEATURES
    ]
    lines = [line for line in lines if abs(line["points"]) >= LEAST_POINTS]
    return sorted(lines, key=lambda line: -abs(line["points"]))[:DRIVERS]


def _sigmoid(value: float) -> float:
    return 1 / (1 + exp(-max(-40.0, min(40.0, value))))


def _logit(probability: float) -> float:
    clipped = min(1 - 1e-12, max(1e-12, probability))
    return log(clipped / (1 - clipped))
