"""Is the content of a card sound? Errors refuse it, warnings are shown: sums, unknown signals, groups without a measure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from health.cards import Missing, default_rule
from health.curves import config_of, normaliser_from
from health.registry import Group, knock_outs, signals
from health.scorecard import FEWEST_GROUPS, FEWEST_MEASURES

HEAVIEST_SHARE = 0.4
MOST_WEIGHT = 1000.0
MOST_DAYS = 365.0


@dataclass(frozen=True)
class GroupShare:
    """What part of the weights a group has, 0..1."""

    label: str
    share: float
    measures: int


def clean_content(given: object) -> dict[str, Any]:
    """Return content in its plain form; raises ValidationError whose keys name the measure or knock-out.

    A measure may leave out everything but its signal: it then counts as the signal does by itself.
    """
    if not isinstance(given, Mapping):
        raise ValidationError({"content": _("A card has measures and knock-outs.")})
    measures, errors = _measures(given.get("measures"))
    ceilings = given.get("knock_outs", {})
    if not isinstance(ceilings, Mapping):
        raise ValidationError({"knock_outs": _("Give a ceiling by knock-out.")})
    errors |= _wrong_ceilings(ceilings)
    if errors:
        raise ValidationError(errors)
    if not any(measure["weight"] > 0 for measure in measures):
        raise ValidationError({"measures": _("At least one measure needs a weight.")})
    return {
        "measures": sorted(measures, key=lambda measure: str(measure["signal"])),
        "knock_outs": {key: float(ceilings[key]) for key in sorted(ceilings)},
    }


def _measures(listed: object) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Return the measures that are sound, and what is wrong with the others."""
    if not isinstance(listed, list) or not listed:
        raise ValidationError({"measures": _("A card needs measures.")})
    measures: list[dict[str, Any]] = []
    errors: dict[str, list[str]] = {}
    for place, one in enumerate(listed):
        key = str(one.get("signal", "")) if isinstance(one, Mapping) else ""
        try:
            measures.append(_measure(key, one))
        except ValidationError as error:
            errors[f"measures.{key or place}"] = error.messages
    keys = [measure["signal"] for measure in measures]
    errors |= {f"measures.{key}": [_("A signal counts once.")] for key in keys if keys.count(key) > 1}
    return measures, errors


def _wrong_ceilings(ceilings: Mapping[str, Any]) -> dict[str, list[str]]:
    errors = {}
    for key, ceiling in ceilings.items():
        if key not in knock_outs:
            errors[f"knock_outs.{key}"] = [_("There is no such knock-out.")]
        elif not _is_number(ceiling, 0, 100):
            errors[f"knock_outs.{key}"] = [_("A ceiling lies between 0 and 100.")]
    return errors


def _measure(key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if key not in signals:
        raise ValidationError(_("There is no such signal."))
    rule = default_rule(signals.get(key))
    values = {
        "weight": given.get("weight", rule.weight),
        "missing_days": given.get("missing_days", rule.missing_days),
        "grace_days": given.get("grace_days", rule.grace_days),
        "half_life_days": given.get("half_life_days", rule.half_life_days),
    }
    if not _is_number(values["weight"], 0, MOST_WEIGHT):
        raise ValidationError(_("A weight lies between 0 and 1000."))
    for name in ("missing_days", "grace_days"):
        if not _is_number(values[name], 0, MOST_DAYS):
            raise ValidationError(_("“%s” lies between 0 and 365 days.") % name)
    if not _is_number(values["half_life_days"], 0.5, MOST_DAYS):
        raise ValidationError(_("The half-life lies between half a day and 365 days."))
    missing = given.get("missing", rule.missing)
    if missing not in Missing.values or (missing == Missing.FIXED and rule.missing != Missing.FIXED):
        raise ValidationError(_("This cannot stand in for a missing value."))
    normaliser = given.get("normaliser") or config_of(rule.normaliser)
    return {
        "signal": key,
        "normaliser": config_of(normaliser_from(normaliser)),
        "missing": str(missing),
        "low": _low(given.get("low")),
        **{name: float(value) for name, value in values.items()},
    }


def _low(given: object) -> dict[str, float] | None:
    if given is None:
        return None
    if (
        not isinstance(given, Mapping)
        or not _is_number(given.get("n"), 0, 100)
        or not _is_number(given.get("ceiling"), 0, 100)
    ):
        raise ValidationError(_("A limit is a value and a ceiling, both 0 to 100."))
    return {"n": float(given["n"]), "ceiling": float(given["ceiling"])}


def _is_number(value: object, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def shares_of(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the part of the weights that each measure has when everything is known; they sum to 1."""
    total = sum(measure["weight"] for measure in content["measures"])
    return {measure["signal"]: measure["weight"] / total if total else 0.0 for measure in content["measures"]}


def group_shares(content: Mapping[str, Any]) -> list[GroupShare]:
    """Return the part of each group, the groups without a measure too."""
    shares, found = shares_of(content), []
    for group in Group:
        keys = [key for key in shares if key in signals and str(signals.get(key).group) == group.value]
        total = sum(shares[key] for key in keys)
        found.append(GroupShare(str(group.label), total, len([key for key in keys if shares[key] > 0])))
    return found


def warnings_of(content: Mapping[str, Any]) -> list[str]:
    """Return what a person should know before publishing: sums, few groups, one measure that decides alone."""
    found = []
    total = sum(measure["weight"] for measure in content["measures"])
    if abs(total - 100) > 0.01:
        found.append(
            _("The weights sum to %(total)s, not 100; shares are what counts.") % {"total": f"{total:g}"}
        )
    counted = [measure for measure in content["measures"] if measure["weight"] > 0]
    groups = [group for group in group_shares(content) if group.measures]
    if len(counted) < FEWEST_MEASURES or len(groups) < FEWEST_GROUPS:
        found.append(_("Every score is Unknown: a band needs three measures out of two groups."))
    for key, share in shares_of(content).items():
        if share > HEAVIEST_SHARE:
            label = signals.get(key).label if key in signals else key
            found.append(
                _("%(label)s alone is %(share)d %% of the score.")
                % {"label": label, "share": round(100 * share)}
            )
    empty = [
        group.label for group in group_shares(content) if not group.measures and _has_signals(group.label)
    ]
    if empty:
        found.append(
            ngettext("No measure looks at: %(groups)s.", "No measure looks at: %(groups)s.", len(empty))
            % {"groups": ", ".join(empty)}
        )
    off = [str(part.label) for part in knock_outs if part.key not in content["knock_outs"]]
    if off:
        found.append(_("Knock-outs that are off: %s.") % ", ".join(off))
    return found


def _has_signals(label: str) -> bool:
    return any(str(Group(str(signal.group)).label) == label for signal in signals)
