"""The churn model in service: probabilities, interval and drivers per account; the rates of the bands while it is silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from health.churn.band_rates import band_rates
from health.churn.features import FEATURES, Row
from health.churn.observations import PERIODS
from ml.serving.answers import Item
from ml.serving.door import predict
from ml.tabular.hazard import Driver, HazardPrediction

TASK = "churn"
# What the rates of the bands are called where a version would be named.
BANDS = "bands"
BAND = "band"
RAISING, LOWERING = 3, 2
LEAST_POINTS = 0.1
# Reasons that fewer of the refits name first are told as mixed ones.
LEAST_AGREEMENT = 0.8


@dataclass(frozen=True)
class ChurnEstimate:
    """Probabilities to leave in the 30, 60 and 90 days after a week, an 80 % interval of the last, and what moves it.

    ``model`` names the version, or is ``bands`` when it is the rate of the account's band. Drivers are dicts with ``key``,
    ``value``, ``points`` (percentage points) and ``agreement`` (share of refits that say so, too).
    """

    probability_30: float
    probability_60: float
    probability: float
    low: float
    high: float
    model: str
    drivers: Sequence[Mapping[str, Any]]


def estimate_churn(
    rows: Mapping[int, Row], bands: Mapping[int, str] | None = None
) -> dict[int, ChurnEstimate]:
    """Return an estimate per account id; while no model answers it is the rate of the band of ``bands``, if that is known."""
    ids, known = sorted(rows), bands or {}
    answers = predict(TASK, [Item({**rows[pk], BAND: known.get(pk, "")}, pk) for pk in ids])
    found: dict[int, ChurnEstimate] = {}
    for pk, answer in zip(ids, answers, strict=True):
        told: HazardPrediction | None = answer.value
        if told is not None:
            found[pk] = ChurnEstimate(
                probability_30=told.by_period[0],
                probability_60=told.by_period[1],
                probability=told.probability,
                low=told.low,
                high=told.high,
                model=answer.served.source,
                drivers=_drivers(told.drivers),
            )
    return found


def rates_by_band(inputs: Sequence[Row]) -> list[HazardPrediction | None]:
    """Return what became of accounts in the band of each input; the months share the rate evenly. None: too little is known."""
    rates = band_rates() if any(row.get(BAND) for row in inputs) else {}
    found: list[HazardPrediction | None] = []
    for row in inputs:
        rate = rates.get(row.get(BAND, "")) or rates.get("")
        if rate is None or not row.get(BAND):
            found.append(None)
            continue
        stays = 1 - rate.share
        months = tuple(1 - stays ** (month / PERIODS.count) for month in range(1, PERIODS.count + 1))
        found.append(HazardPrediction(months, rate.low, rate.high, ()))
    return found


def _drivers(drivers: Sequence[Driver]) -> list[dict[str, Any]]:
    """Return the strongest that raise and the strongest that lower, by strength."""
    lines: list[dict[str, Any]] = [
        {
            "key": one.feature,
            "value": one.value,
            "points": round(100 * one.points, 2),
            "agreement": round(one.agreement, 3),
        }
        for one in drivers
        if one.feature in FEATURES
    ]
    lines = sorted(
        (line for line in lines if abs(line["points"]) >= LEAST_POINTS), key=lambda line: -abs(line["points"])
    )
    raising = [line for line in lines if line["points"] > 0][:RAISING]
    lowering = [line for line in lines if line["points"] < 0][:LOWERING]
    return sorted(raising + lowering, key=lambda line: -abs(line["points"]))


def are_mixed(drivers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the refits disagree about what raises the probability most."""
    first = next((line for line in drivers if line["points"] > 0), None)
    return first is not None and first.get("agreement", 1.0) < LEAST_AGREEMENT
