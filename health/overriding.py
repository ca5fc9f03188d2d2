"""What overrides make of a score. The model's score stays as it is; each override is a line of its own. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.formatting import band_of
from health.attribution import NOTHING, Change
from health.scorecard import Measure, Score, score_of

# Keys of the explanation lines: "override" for the whole score, "override:seat_use" for a measure.
OVERRIDE = "override"


@dataclass(frozen=True)
class Override:
    """A person's word on a score (``signal`` empty) or a measure: value, floor or ceiling, 0..100."""

    id: int
    signal: str
    kind: str
    value: float

    @property
    def key(self) -> str:
        """The key of its explanation line."""
        return f"{OVERRIDE}:{self.signal}" if self.signal else OVERRIDE

    def on(self, n: float | None) -> float | None:
        """Return what a number becomes; a ceiling says nothing about an unknown one."""
        if self.kind == "value":
            return self.value
        if n is None:
            return self.value if self.kind == "floor" else None
        return max(n, self.value) if self.kind == "floor" else min(n, self.value)


@dataclass(frozen=True)
class Effect:
    """Points by which one override moves a score."""

    override: Override
    points: float

    def to_json(self) -> dict[str, Any]:
        """Return it as a snapshot stores it."""
        one = self.override
        return {"id": one.id, "key": one.key, "kind": one.kind, "value": one.value, "points": self.points}


@dataclass(frozen=True)
class Overridden:
    """A score as people set it: ``final`` and ``band`` count, ``effects`` lead to it from the model's."""

    final: float | None
    band: str
    effects: tuple[Effect, ...] = ()


def overridden(score: Score, overrides: Sequence[Override]) -> Overridden:
    """Return the score after overrides: those of measures first, in the order of their ids, then that of the whole.

    The effects sum to final − model exactly. A value for the whole score gives a band even where too little is known.
    """
    measures, current, effects = list(score.measures), score, []
    for one in sorted((one for one in overrides if one.signal), key=lambda one: one.id):
        measures = [_set(measure, one) if measure.key == one.signal else measure for measure in measures]
        then = score_of(measures, score.caps)
        effects.append(Effect(one, _difference(current.final, then.final)))
        current = then
    final, band = current.final, current.band
    for one in (one for one in overrides if not one.signal):
        changed = one.on(final)
        effects.append(Effect(one, _difference(final, changed)))
        final = changed
        band = band_of(final) if score.known or one.kind == "value" else band
    return Overridden(final, band, tuple(effects))


def _set(measure: Measure, override: Override) -> Measure:
    n = override.on(measure.n)
    if n is None:
        return measure
    unknown = measure.n is None
    return replace(
        measure, n=n, freshness=1.0 if unknown else measure.freshness, imputed=unknown or measure.imputed
    )


def _difference(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before


def override_changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Return the lines of overrides that came, went or weigh otherwise, from effects as snapshots store them."""
    old = {effect["key"]: float(effect["points"]) for effect in before}
    new = {effect["key"]: float(effect["points"]) for effect in after}
    lines = [Change(key, "override", new.get(key, 0.0) - old.get(key, 0.0)) for key in sorted({*old, *new})]
    return [line for line in lines if abs(line.points) > NOTHING]
