"""From measures to a score: freshness, coverage, confidence, caps and band. Pure functions; formulas in docs/health.md."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from core.formatting import band_of
from customers.models import Account

STALE = 0.1
FEWEST_MEASURES = 3
FEWEST_GROUPS = 2
LEAST_COVERAGE = 0.5


@dataclass(frozen=True)
class Measure:
    """One signal of one account: raw ``value``, ``n`` 0..100 (None: missing), ``weight``, ``freshness`` 0..1.

    An ``imputed`` n stands for something unknown: it counts in the score and not in the coverage. A ``carried`` one was
    measured on a former day.
    """

    key: str
    group: str
    weight: float
    value: float | None = None
    n: float | None = None
    freshness: float = 0.0
    observed_at: datetime | None = None
    n_obs: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
    imputed: bool = False
    stale: bool = False
    carried: bool = False

    @property
    def pull(self) -> float:
        """Weight times freshness, 0 when missing."""
        return 0.0 if self.n is None else self.weight * self.freshness


@dataclass(frozen=True)
class Cap:
    """A knock-out that holds: the score is at most ``ceiling``."""

    key: str
    ceiling: float
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the cap as a snapshot stores it."""
        return {"key": self.key, "ceiling": self.ceiling, "detail": dict(self.detail)}


@dataclass(frozen=True)
class Score:
    """The outcome. ``raw`` is the weighted mean, ``final`` after caps; both None when nothing is known at all."""

    raw: float | None
    final: float | None
    band: str
    coverage: float
    confidence: str
    measures: tuple[Measure, ...]
    caps: tuple[Cap, ...]

    @property
    def known(self) -> bool:
        """Whether enough is known for a band."""
        return self.band != Account.Band.UNKNOWN


def freshness(age_days: float, grace_days: float, half_life_days: float) -> float:
    """Return 1 up to the grace, then 2^(−(age − grace)/half-life)."""
    return float(freshness_of(np.array([age_days]), grace_days, half_life_days)[0])


def freshness_of(
    age_days: npt.NDArray[np.float64], grace_days: float, half_life_days: float
) -> npt.NDArray[np.float64]:
    """Return the freshness of each age."""
    return np.exp2(-np.maximum(0.0, age_days - grace_days) / half_life_days)


def score_of(measures: Sequence[Measure], caps: Sequence[Cap]) -> Score:
    """Return S = Σ w·f·n / Σ w·f capped, C = Σ w·f / Σ w, and what follows from them.

    The band is unknown below half coverage, with fewer than three measures or fewer than two groups.
    """
    pull = sum(measure.pull for measure in measures)
    raw = sum(measure.pull * (measure.n or 0) for measure in measures) / pull if pull else None
    known = [measure for measure in measures if measure.n is not None and not measure.imputed]
    weights = sum(measure.weight for measure in measures)
    coverage = sum(measure.pull for measure in known) / weights if weights else 0.0
    final = raw if raw is None else min([raw, *(cap.ceiling for cap in caps)])
    enough = (
        coverage >= LEAST_COVERAGE
        and len(known) >= FEWEST_MEASURES
        and len({measure.group for measure in known}) >= FEWEST_GROUPS
    )
    return Score(
        raw=raw,
        final=final,
        band=band_of(final) if enough else Account.Band.UNKNOWN,
        coverage=coverage,
        confidence=_confidence(coverage),
        measures=tuple(measures),
        caps=tuple(caps),
    )


def _confidence(coverage: float) -> str:
    for floor, name in ((0.8, "high"), (0.65, "medium"), (LEAST_COVERAGE, "low")):
        if coverage >= floor:
            return name
    return "none"


def parts_of(score: Score) -> list[dict[str, Any]]:
    """Return the measures as a snapshot stores them, with their ``share`` of the score; what is empty is left out."""
    pull = sum(measure.pull for measure in score.measures)
    return [_part(measure, measure.pull / pull if pull else 0.0) for measure in score.measures]


def _part(measure: Measure, share: float) -> dict[str, Any]:
    part: dict[str, Any] = {
        "key": measure.key,
        "group": measure.group,
        "weight": measure.weight,
        "value": None if measure.value is None else round(measure.value, 6),
        "n": measure.n,
        "freshness": measure.freshness,
        "share": round(share, 6),
    }
    if measure.observed_at is not None:
        part |= {"observed_at": measure.observed_at.isoformat(timespec="seconds"), "n_obs": measure.n_obs}
    if measure.detail:
        part["detail"] = dict(measure.detail)
    if measure.imputed:
        part["imputed"] = True
    if measure.stale:
        part["stale"] = True
    if measure.carried:
        part["carried"] = True
    return part


def measures_from(parts: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """Return the measures of a stored snapshot."""
    return [
        Measure(
            key=part["key"],
            group=part["group"],
            weight=part["weight"],
            value=part["value"],
            n=part["n"],
            freshness=part["freshness"],
            observed_at=datetime.fromisoformat(part["observed_at"]) if "observed_at" in part else None,
            n_obs=part.get("n_obs", 0),
            detail=part.get("detail", {}),
            imputed=part.get("imputed", False),
            stale=part.get("stale", False),
            carried=part.get("carried", False),
        )
        for part in parts
    ]


def inputs_hash(score: Score, card_version: str, extra: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything the score came from; the same inputs give the same hash on any machine."""
    inputs = {
        "card": card_version,
        "measures": [
            [
                measure.key,
                measure.weight,
                _rounded(measure.value),
                _rounded(measure.n),
                _rounded(measure.freshness),
            ]
            for measure in score.measures
        ],
        "caps": [[cap.key, cap.ceiling] for cap in score.caps],
        "extra": {
            name: _rounded(value) if isinstance(value, float) else value for name, value in extra.items()
        },
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 9)
