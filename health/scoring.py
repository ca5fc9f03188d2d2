"""Scores of many accounts at one moment, from loaded facts; no queries of its own, no writes."""

from collections.abc import Iterable
from datetime import datetime

from health.facts import DAY_SECONDS, Facts
from health.knock_outs import caps_for
from health.peers import Cohort
from health.registry import Reading, Signal, signals
from health.scorecard import STALE, Measure, Score, freshness, score_of


def scores_at(facts: Facts, account_ids: Iterable[int], as_of: datetime, cohort: Cohort) -> dict[int, Score]:
    """Return the score of each of the accounts (a part of the facts) as known at ``as_of``."""
    wanted = set(account_ids)
    segments = {account.pk: facts.segment(account, as_of) for account in facts.accounts}
    measures: dict[int, list[Measure]] = {pk: [] for pk in wanted}
    for signal in signals:
        readings = signal.readings(facts, as_of, cohort)
        for pk in wanted:
            measures[pk].append(measure_of(signal, readings.get(pk), as_of, cohort, segments[pk]))
    caps = caps_for(facts, as_of)
    return {pk: score_of(measures[pk], caps.get(pk, [])) for pk in wanted}


def measure_of(
    signal: Signal, reading: Reading | None, as_of: datetime, cohort: Cohort, segment: str
) -> Measure:
    """Return the measure a reading gives; a missing, stale or incomparable one has no n (or the signal's ``missing_as``)."""
    nothing = Measure(
        key=signal.key,
        group=str(signal.group),
        weight=signal.weight,
        n=signal.missing_as,
        freshness=0.0 if signal.missing_as is None else 1.0,
        imputed=signal.missing_as is not None,
    )
    if reading is None:
        return nothing
    peers = cohort.peers(signal.key, segment) if signal.needs_peers else None
    n = signal.normaliser(reading.value, peers)
    age = max(0.0, (as_of - reading.observed_at).total_seconds() / DAY_SECONDS)
    fresh = freshness(age, signal.grace_days, signal.half_life_days)
    if n is None or fresh < STALE:
        return Measure(
            key=signal.key, group=str(signal.group), weight=signal.weight, value=reading.value,
            observed_at=reading.observed_at, n_obs=reading.n_obs, detail=reading.detail, stale=fresh < STALE,
        )  # fmt: skip
    return Measure(
        key=signal.key,
        group=str(signal.group),
        weight=signal.weight,
        value=reading.value,
        # Rounded before use, so that a stored snapshot holds exactly what its score was made of.
        n=round(n, 4),
        freshness=round(fresh, 4),
        observed_at=reading.observed_at,
        n_obs=reading.n_obs,
        detail=reading.detail,
    )
