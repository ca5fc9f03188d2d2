"""The editor of a card: from content to rows and from what was posted back to content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

from health.cards import Missing, default_rule
from health.curves import KINDS, config_of, curve_points, normaliser_from
from health.normalisers import Piecewise, normalise
from health.registry import Group, knock_outs, signals

CURVE_STEPS = 24


@dataclass
class MeasureRow:
    """One signal in the editor; ``weight`` empty: not on the card. ``points`` is the text of a curve through points."""

    key: str
    label: str
    group: str
    weight: str
    missing: str
    missing_days: str
    grace_days: str
    half_life_days: str
    kind: str
    kind_label: str
    points: str
    low_n: str
    low_ceiling: str
    share: float = 0.0
    curve: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def rows_of(content: Mapping[str, Any], errors: Mapping[str, list[str]] | None = None) -> list[MeasureRow]:
    """Return a row per signal there is, those on the card with what it says, in the order of the groups."""
    listed = {measure["signal"]: measure for measure in content["measures"]}
    total = sum(_float(measure.get("weight")) or 0.0 for measure in content["measures"]) or 1.0
    order = {group.value: place for place, group in enumerate(Group)}
    found = []
    for signal in sorted(signals, key=lambda one: (order.get(str(one.group), 99), -one.weight)):
        rule, given = default_rule(signal), listed.get(signal.key)
        measure = given or {
            "missing": rule.missing, "missing_days": rule.missing_days, "grace_days": rule.grace_days,
            "half_life_days": rule.half_life_days, "low": None,
        }  # fmt: skip
        config = measure.get("normaliser") or config_of(rule.normaliser)
        low = measure.get("low") or {}
        weight = given.get("weight", rule.weight) if given else ""
        found.append(
            MeasureRow(
                key=signal.key,
                label=str(signal.label),
                group=str(Group(str(signal.group)).label),
                weight=_text(weight),
                missing=str(measure["missing"]),
                missing_days=_text(measure["missing_days"]),
                grace_days=_text(measure["grace_days"]),
                half_life_days=_text(measure["half_life_days"]),
                kind=config.get("kind", ""),
                kind_label=str(KINDS.get(config.get("kind", ""), "")),
                points=_points_text(config),
                low_n=_text(low.get("n", "")),
                low_ceiling=_text(low.get("ceiling", "")),
                share=(_float(weight) or 0.0) / total if given else 0.0,
                curve=_curve(config),
                errors=list((errors or {}).get(f"measures.{signal.key}", [])),
            )
        )
    return found


def content_from(posted: QueryDict, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as posted by the editor; what the editor cannot show (other normalisers) stays as in ``content``.

    Texts that are no numbers stay texts, so that the check names their measure.
    """
    former = {measure["signal"]: measure for measure in content["measures"]}
    measures = []
    for signal in signals:
        weight = posted.get(f"weight-{signal.key}", "").strip()
        if not weight:
            continue
        rule = default_rule(signal)
        config = former.get(signal.key, {}).get("normaliser") or config_of(rule.normaliser)
        points = posted.get(f"points-{signal.key}", "").strip()
        if config.get("kind") == "piecewise" and points:
            config = {"kind": "piecewise", "points": _points(points)}
        low_n, low_ceiling = (
            posted.get(f"{name}-{signal.key}", "").strip() for name in ("low_n", "low_ceiling")
        )
        measures.append(
            {
                "signal": signal.key,
                "weight": _number(weight),
                "normaliser": config,
                "missing": posted.get(f"missing-{signal.key}", rule.missing),
                "missing_days": _number(posted.get(f"missing_days-{signal.key}", "") or rule.missing_days),
                "grace_days": _number(posted.get(f"grace_days-{signal.key}", "") or rule.grace_days),
                "half_life_days": _number(posted.get(f"half_life_days-{signal.key}", "") or rule.half_life_days),
                "low": {"n": _number(low_n), "ceiling": _number(low_ceiling)} if low_n or low_ceiling else None,
            }
        )  # fmt: skip
    ceilings = {
        part.key: _number(posted[f"ceiling-{part.key}"])
        for part in knock_outs
        if posted.get(f"ceiling-{part.key}", "").strip()
    }
    return {"measures": measures, "knock_outs": ceilings}


def knock_out_rows(content: Mapping[str, Any], errors: Mapping[str, list[str]] | None = None) -> list[Any]:
    """Return (key, label, ceiling as text, usual ceiling, errors) of every knock-out; an empty ceiling is off."""
    ceilings = content["knock_outs"]
    return [
        (part.key, str(part.label), _text(ceilings.get(part.key, "")), _text(part.ceiling),
         (errors or {}).get(f"knock_outs.{part.key}", []))
        for part in sorted(knock_outs, key=lambda part: (part.order, part.key))
    ]  # fmt: skip


def missing_choices() -> list[tuple[str, str]]:
    """Return what may stand in for a missing value."""
    return [(key, str(label)) for key, label in Missing.choices if key != Missing.FIXED]


def words_of_errors(errors: Mapping[str, list[str]]) -> list[str]:
    """Return the errors that belong to no row of the editor."""
    return [
        _("%(name)s: %(text)s") % {"name": name, "text": " ".join(texts)}
        for name, texts in errors.items()
        if not name.startswith(("measures.", "knock_outs."))
    ]


def _curve(config: Mapping[str, Any]) -> list[float]:
    """Return n at evenly spaced raw values, for the small drawing; empty when the curve is wrong."""
    try:
        points = curve_points(normaliser_from(config))
    except ValidationError:
        return []
    if len(points) < 2:
        return []
    drawn = Piecewise(tuple(points))
    low, high = points[0][0], points[-1][0]
    return [float(n) for n in normalise(drawn, np.linspace(low, high, CURVE_STEPS), None)]


def _points_text(config: Mapping[str, Any]) -> str:
    if config.get("kind") != "piecewise" or not isinstance(config.get("points"), list):
        return ""
    return "; ".join(" ".join(_text(value) for value in pair) for pair in config["points"])


def _points(text: str) -> list[list[Any]]:
    return [[_number(value) for value in pair.split()] for pair in text.split(";") if pair.strip()]


def _number(value: object) -> Any:
    number = _float(value)
    return value if number is None else number


def _float(value: object) -> float | None:
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return None


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
