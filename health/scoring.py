"""Scores of many accounts at one moment, from loaded facts; no queries of its own, no writes.

Values, n and freshness of a measure are computed for all accounts at once; what is wanted of single accounts is put together
last.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from health.cards import Card, MeasureRule, Missing, default_card
from health.facts import DAY_SECONDS, Facts, Floats
from health.knock_outs import caps_for
from health.normalisers import SHRINK, Normaliser, Peers, normalise
from health.peers import Cohort
from health.registry import Readings, signals
from health.scorecard import STALE, Cap, Measure, Score, freshness, freshness_of, score_of
from health.staged import TenurePiecewise

# Cap keys of measures that are very low: "low:seat_use".
LOW_PREFIX = "low:"
NEUTRAL, WORST = 50.0, 0.0
MONTH_DAYS = 30.44

Carried = Mapping[int, Mapping[str, Measure]]


@dataclass(frozen=True)
class Column:
    """What one rule makes of all accounts: n (NaN: missing) and freshness, rounded as a snapshot stores them.

    ``stand_in`` is the n that the card takes where n is missing; NaN where it takes none.
    """

    rule: MeasureRule
    readings: Readings
    n: Floats
    freshness: Floats
    stale: npt.NDArray[np.bool_]
    stand_in: Floats

    def measures(
        self, pairs: Iterable[tuple[int, int]], as_of: datetime, carried: Carried
    ) -> Iterator[Measure]:
        """Return the measure of each account, given as (place, id)."""
        rule, readings = self.rule, self.readings
        common: dict[str, Any] = {"key": rule.signal, "group": rule.group, "weight": rule.weight}
        nothing, now = Measure(**common), as_of.timestamp()
        columns = (readings.value, readings.observed_at, readings.n_obs, self.n, self.freshness, self.stale)
        values, observed, counts, n, fresh, stale = (column.tolist() for column in columns)
        stand_in = self.stand_in.tolist()
        for row, pk in pairs:
            if n[row] != n[row]:  # NaN
                if rule.missing == Missing.CARRY:
                    former = carried_measure(rule, carried.get(pk, {}).get(rule.signal), as_of)
                    if former is not None:
                        yield former
                        continue
                if stand_in[row] == stand_in[row]:
                    yield Measure(**common, n=stand_in[row], freshness=1.0, imputed=True)
                    continue
                if values[row] != values[row]:
                    yield nothing
                    continue
            missing = n[row] != n[row]
            yield Measure(
                **common,
                value=values[row],
                n=None if missing else n[row],
                freshness=0.0 if missing else fresh[row],
                observed_at=as_of if observed[row] == now else datetime.fromtimestamp(observed[row], UTC),
                n_obs=counts[row],
                detail=readings.detail(row),
                stale=stale[row],
            )


@dataclass(frozen=True)
class Moment:
    """What is read once about the accounts of ``facts`` at ``as_of``, whatever cards then make of it.

    ``carried`` are measures of the last former snapshot by account id and signal, for cards that carry values forward.
    """

    facts: Facts
    as_of: datetime
    cohort: Cohort
    carried: Carried

    @cached_property
    def _readings(self) -> dict[str, Readings]:
        return {}

    @cached_property
    def _columns(self) -> dict[MeasureRule, Column]:
        return {}

    def readings(self, signal: str) -> Readings:
        """Return the raw values of a signal; read when the first card asks."""
        if signal not in self._readings:
            self._readings[signal] = signals.get(signal).readings(self.facts, self.as_of, self.cohort)
        return self._readings[signal]

    def column(self, rule: MeasureRule) -> Column:
        """Return what a rule makes of all accounts; cards with the same rule share it."""
        if rule not in self._columns:
            self._columns[rule] = column_of(rule, self)
        return self._columns[rule]

    @cached_property
    def caps(self) -> dict[int, list[Cap]]:
        """The knock-outs that hold, with their usual ceilings."""
        return caps_for(self.facts, self.as_of)

    @cached_property
    def segments(self) -> tuple[list[str], npt.NDArray[Any]]:
        """The peer groups, and the place of each account's among them."""
        names, places = self.facts.segments(self.as_of)
        return list(names), places

    @cached_property
    def months(self) -> Floats:
        """The age of each relation in months; NaN when unknown."""
        return self.facts.tenure_days(self.as_of) / MONTH_DAYS

    def scores(self, cards: Mapping[int, Card]) -> dict[int, Score]:
        """Return the score of each account by its card."""
        by_version: dict[str, list[int]] = {}
        for pk in sorted(cards):
            by_version.setdefault(cards[pk].version, []).append(pk)
        found: dict[int, Score] = {}
        for ids in by_version.values():
            found |= self._scores(cards[ids[0]], ids)
        return found

    def _scores(self, card: Card, ids: Sequence[int]) -> dict[int, Score]:
        pairs = [(self.facts.rows[pk], pk) for pk in ids]
        columns = [self.column(rule).measures(pairs, self.as_of, self.carried) for rule in card.measures]
        lows = any(rule.low is not None for rule in card.measures)
        found = {}
        for pk, measures in zip(ids, zip(*columns, strict=True), strict=True):
            caps = [
                Cap(cap.key, card.ceilings[cap.key], cap.detail)
                for cap in self.caps.get(pk, ())
                if cap.key in card.ceilings
            ]
            found[pk] = score_of(measures, [*caps, *(low_caps(card.measures, measures) if lows else ())])
        return found


def scores_at(
    facts: Facts,
    account_ids: Iterable[int],
    as_of: datetime,
    cohort: Cohort,
    cards: Mapping[int, Card] | None = None,
    carried: Carried | None = None,
) -> dict[int, Score]:
    """Return the score of each of the accounts (a part of the facts) as known at ``as_of``, by the built-in card or theirs."""
    usual = default_card()
    chosen = {pk: (cards or {}).get(pk, usual) for pk in account_ids}
    return Moment(facts, as_of, cohort, carried or {}).scores(chosen)


def column_of(rule: MeasureRule, moment: Moment) -> Column:
    """Return what a rule makes of all accounts; a stale or incomparable value has no n."""
    readings = moment.readings(rule.signal)
    n = _normalised(rule, readings.value, moment)
    age = np.maximum(0.0, (moment.as_of.timestamp() - readings.observed_at) / DAY_SECONDS)
    fresh = freshness_of(age, rule.grace_days, rule.half_life_days)
    stale = ~np.isnan(readings.value) & (fresh < STALE)
    # Rounded before use, so that a stored snapshot holds exactly what its score was made of.
    return Column(
        rule,
        readings,
        np.where(stale, np.nan, np.round(n, 4)),
        np.round(fresh, 4),
        stale,
        np.round(_stand_in(rule, moment), 4),
    )


def _normalised(rule: MeasureRule, values: Floats, moment: Moment) -> Floats:
    """Return n by the rule's normaliser: by peer group where it ranks, by age of the relation where that decides."""
    if isinstance(rule.normaliser, TenurePiecewise):
        return rule.normaliser.at_ages(values, moment.months)
    if not rule.needs_peers:
        return normalise(rule.normaliser, values, None)
    n = np.full(len(values), np.nan)
    names, places = moment.segments
    for place, name in enumerate(names):
        among = places == place
        n[among] = normalise(rule.normaliser, values[among], moment.cohort.peers(rule.signal, name))
    return n


def _stand_in(rule: MeasureRule, moment: Moment) -> Floats:
    """Return the n that the card takes where nothing is known; NaN where it takes none."""
    size = len(moment.facts)
    if rule.missing == Missing.PRIOR:
        names, places = moment.segments
        priors = [prior_of(rule, moment.cohort.peers(rule.signal, name)) for name in names]
        known = np.array([np.nan if prior is None else prior for prior in priors], dtype=float)
        chosen: Floats = known[places] if len(known) else np.full(size, np.nan)
        return chosen
    fixed = {
        Missing.NEUTRAL: NEUTRAL,
        Missing.WORST: WORST,
        Missing.FIXED: signals.get(rule.signal).missing_as,
    }.get(Missing(rule.missing))
    return np.full(size, np.nan if fixed is None else fixed)


def carried_measure(rule: MeasureRule, last: Measure | None, as_of: datetime) -> Measure | None:
    """Return the last measured n with the freshness of its age; None when there is none, or it is older than allowed."""
    if last is None or last.n is None or last.imputed or last.observed_at is None:
        return None
    age = max(0.0, (as_of - last.observed_at).total_seconds() / DAY_SECONDS)
    fresh = freshness(age, rule.grace_days, rule.half_life_days)
    if age > rule.missing_days or fresh < STALE:
        return None
    return Measure(
        key=rule.signal, group=rule.group, weight=rule.weight, value=last.value, n=last.n, freshness=round(fresh, 4),
        observed_at=last.observed_at, n_obs=last.n_obs, detail=last.detail, carried=True,
    )  # fmt: skip


def prior_of(rule: MeasureRule, peers: Peers) -> float | None:
    """Return the mean n of comparable accounts, those of the segment shrunk to everybody; None without any."""
    everyone = _known(rule.normaliser, peers.everyone, peers)
    if not len(everyone):
        return None
    among = _known(rule.normaliser, peers.segment, peers)
    return float((among.sum() + SHRINK * everyone.mean()) / (len(among) + SHRINK))


def _known(normaliser: Normaliser, values: Sequence[float], peers: Peers) -> Floats:
    n = normalise(normaliser, np.asarray(values, dtype=float), peers)
    return n[~np.isnan(n)]


def low_caps(rules: Sequence[MeasureRule], measures: Sequence[Measure]) -> list[Cap]:
    """Return the caps of measures that are as low as a rule says; only what was measured counts."""
    return [
        Cap(f"{LOW_PREFIX}{rule.signal}", rule.low[1], {"n": measure.n})
        for rule, measure in zip(rules, measures, strict=True)
        if rule.low is not None and measure.n is not None and not measure.imputed and measure.n <= rule.low[0]
    ]
