"""Normalisers as JSON: what a card stores and a person edits, checked, and back. Kinds and their numbers: docs/health.md."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from health.normalisers import (
    CohortPercentile,
    Normaliser,
    Piecewise,
    Recency,
    SelfBaseline,
    Trend,
)
from health.staged import Direct, Stages, TenurePiecewise

KINDS: dict[str, str | Promise] = {
    "piecewise": gettext_lazy("Curve through points"),
    "tenure_piecewise": gettext_lazy("Curves by age of the relation"),
    "cohort_percentile": gettext_lazy("Rank among peers"),
    "self_baseline": gettext_lazy("Deviation from its own past"),
    "trend": gettext_lazy("Change per week"),
    "recency": gettext_lazy("Days since"),
    "stages": gettext_lazy("Fixed value per stage"),
    "direct": gettext_lazy("As given, 0 to 100"),
}
MOST_POINTS = 20
SAMPLES = 40


def config_of(normaliser: Normaliser) -> dict[str, Any]:
    """Return a normaliser as JSON; raises TypeError for a class of another app that has no kind."""
    match normaliser:
        case Piecewise(points):
            return {"kind": "piecewise", "points": _lists(points)}
        case TenurePiecewise(curves):
            return {
                "kind": "tenure_piecewise",
                "curves": [{"months": months, "points": _lists(points)} for months, points in curves],
            }
        case CohortPercentile(inverted):
            return {"kind": "cohort_percentile", "inverted": inverted}
        case SelfBaseline():
            return {"kind": "self_baseline"}
        case Trend():
            return {"kind": "trend"}
        case Recency(grace, half_life):
            return {"kind": "recency", "grace": grace, "half_life": half_life}
        case Stages(steps):
            return {"kind": "stages", "steps": _lists(steps)}
        case Direct():
            return {"kind": "direct"}
    raise TypeError(f"a normaliser without a kind: {normaliser!r}")


def normaliser_from(config: object) -> Normaliser:
    """Return the normaliser that JSON describes; raises ValidationError saying what is wrong with it."""
    if not isinstance(config, Mapping) or config.get("kind") not in KINDS:
        raise ValidationError(_("Choose one of: %(kinds)s.") % {"kinds": ", ".join(KINDS)})
    match config["kind"]:
        case "piecewise":
            return Piecewise(_points(config.get("points")))
        case "tenure_piecewise":
            return TenurePiecewise(_curves(config.get("curves")))
        case "cohort_percentile":
            return CohortPercentile(inverted=config.get("inverted") is True)
        case "self_baseline":
            return SelfBaseline()
        case "trend":
            return Trend()
        case "recency":
            grace, half_life = _number(config.get("grace")), _number(config.get("half_life"))
            if grace < 0 or half_life <= 0:
                raise ValidationError(_("The grace is 0 days or more, the half-life more than 0."))
            return Recency(grace, half_life)
        case "stages":
            return Stages(_points(config.get("steps"), fewest=1))
    return Direct()


def curve_points(normaliser: Normaliser) -> list[tuple[float, float]]:
    """Return (raw, n) points that draw the normaliser; percentiles are drawn over the rank 0..1."""
    match normaliser:
        case Piecewise(points):
            return [(float(raw), float(n)) for raw, n in points]
        case TenurePiecewise(curves):
            return [(float(raw), float(n)) for raw, n in curves[-1][1]]
        case Stages(steps):
            return sorted((float(raw), float(n)) for raw, n in steps)
        case CohortPercentile(inverted):
            return [(0.0, 100.0), (1.0, 0.0)] if inverted else [(0.0, 0.0), (1.0, 100.0)]
        case Direct():
            return [(0.0, 0.0), (100.0, 100.0)]
        case Recency(grace, half_life):
            low, high = 0.0, float(grace + 4 * half_life)
        case Trend():
            low, high = -0.3, 0.3
        case _:
            low, high = -3.0, 3.0
    step = (high - low) / SAMPLES
    values = [low + step * place for place in range(SAMPLES + 1)]
    return [(value, n) for value in values if (n := normaliser(value, None)) is not None]


def _lists(points: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[float(raw), float(n)] for raw, n in points]


def _curves(given: object) -> tuple[tuple[float, tuple[tuple[float, float], ...]], ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_POINTS:
        raise ValidationError(_("Give one curve or more, each with months and points."))
    curves = tuple(
        (_number(one.get("months") if isinstance(one, Mapping) else None), _points(one.get("points")))
        for one in given
    )
    ages = [age for age, _known in curves]
    if ages != sorted(set(ages)):
        raise ValidationError(_("The ages in months must rise."))
    if len({tuple(raw for raw, _n in points) for _age, points in curves}) != 1:
        raise ValidationError(_("Every curve must have the same raw values."))
    return curves


def _points(given: object, *, fewest: int = 2) -> tuple[tuple[float, float], ...]:
    if not isinstance(given, list) or not fewest <= len(given) <= MOST_POINTS:
        raise ValidationError(
            _("Give %(fewest)d to %(most)d points.") % {"fewest": fewest, "most": MOST_POINTS}
        )
    points = []
    for pair in given:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise ValidationError(_("A point is a raw value and a value of 0 to 100."))
        points.append((_number(pair[0]), _number(pair[1])))
    raws = [raw for raw, _n in points]
    if raws != sorted(set(raws)):
        raise ValidationError(_("The raw values of the points must rise."))
    if any(not 0 <= n <= 100 for _raw, n in points):
        raise ValidationError(_("Points lead to values of 0 to 100."))
    return tuple(points)


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValidationError(_("Give a number."))
    return float(given)
