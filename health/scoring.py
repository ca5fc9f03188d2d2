"""Scores of many accounts at one moment, from loaded facts; no queries of its own, no writes.

Values, n and freshness of a signal are computed for all accounts at once; what is wanted of single accounts is put together last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from health.facts import DAY_SECONDS, Facts, Floats
from health.knock_outs import caps_for
from health.normalisers import normalise
from health.peers import Cohort
from health.registry import Readings, Signal, signals
from health.scorecard import STALE, Measure, Score, freshness_of, score_of


@dataclass(frozen=True)
class Column:
    """What one signal says about all accounts: n (NaN: missing) and freshness, rounded as a snapshot stores them."""

    signal: Signal
    readings: Readings
    n: Floats
    freshness: Floats
    stale: npt.NDArray[np.bool_]

    def measures(self, rows: Iterable[int], as_of: datetime) -> Iterator[Measure]:
        """Return the measure of each account at the places; an unknown one has no n (or the signal's ``missing_as``)."""
        signal, readings = self.signal, self.readings
        common: dict[str, Any] = {"key": signal.key, "group": str(signal.group), "weight": signal.weight}
        imputed = signal.missing_as is not None
        nothing = Measure(
            **common, n=signal.missing_as, freshness=1.0 if imputed else 0.0, imputed=imputed
        )  # fmt: skip
        now = as_of.timestamp()
        columns = (readings.value, readings.observed_at, readings.n_obs, self.n, self.freshness, self.stale)
        values, observed, counts, n, fresh, stale = (column.tolist() for column in columns)
        for row in rows:
            value = values[row]
            if value != value:  # NaN
                yield nothing
                continue
            at = as_of if observed[row] == now else datetime.fromtimestamp(observed[row], UTC)
            missing = n[row] != n[row]
            yield Measure(
                **common, value=value, n=None if missing else n[row], freshness=0.0 if missing else fresh[row],
                observed_at=at, n_obs=counts[row], detail=readings.detail(row), stale=stale[row],
            )  # fmt: skip


def scores_at(facts: Facts, account_ids: Iterable[int], as_of: datetime, cohort: Cohort) -> dict[int, Score]:
    """Return the score of each of the accounts (a part of the facts) as known at ``as_of``."""
    ids = sorted(set(account_ids))
    rows = [facts.rows[pk] for pk in ids]
    columns = [column_of(signal, facts, as_of, cohort) for signal in signals]
    measures = zip(*(column.measures(rows, as_of) for column in columns), strict=True)
    caps = caps_for(facts, as_of)
    return {pk: score_of(found, caps.get(pk, [])) for pk, found in zip(ids, measures, strict=True)}


def column_of(signal: Signal, facts: Facts, as_of: datetime, cohort: Cohort) -> Column:
    """Return what a signal says about all accounts; a stale or incomparable value has no n."""
    readings = signal.readings(facts, as_of, cohort)
    if signal.needs_peers:
        n = np.full(len(facts), np.nan)
        names, places = facts.segments(as_of)
        for place, name in enumerate(names):
            among = places == place
            n[among] = normalise(signal.normaliser, readings.value[among], cohort.peers(signal.key, name))
    else:
        n = normalise(signal.normaliser, readings.value, None)
    age = np.maximum(0.0, (as_of.timestamp() - readings.observed_at) / DAY_SECONDS)
    fresh = freshness_of(age, signal.grace_days, signal.half_life_days)
    stale = ~np.isnan(readings.value) & (fresh < STALE)
    # Rounded before use, so that a stored snapshot holds exactly what its score was made of.
    return Column(signal, readings, np.where(stale, np.nan, np.round(n, 4)), np.round(fresh, 4), stale)
