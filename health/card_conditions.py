"""Which accounts a card applies to: the conditions of ADR 0011 over a few fields of accounts.

A condition is ``{}`` (everybody), a clause ``{"field": "tier", "is": "in", "value": ["enterprise"]}`` or a group
``{"match": "all" | "any", "of": [condition, …]}``. It is judged over loaded accounts, all of them at once.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account
from health.facts import Facts

Bools = npt.NDArray[np.bool_]
DEEPEST = 3

CHOICES: dict[str, tuple[str | Promise, list[tuple[str, Any]]]] = {
    "tier": (gettext_lazy("tier"), Account.Tier.choices),
    "lifecycle": (gettext_lazy("stage"), Account.Lifecycle.choices),
}
NUMBERS: dict[str, tuple[str | Promise, Callable[[Facts, datetime], npt.NDArray[np.float64]]]] = {
    "tenure_days": (gettext_lazy("days since the start"), lambda facts, as_of: facts.tenure_days(as_of)),
    "arr": (
        gettext_lazy("ARR"),
        lambda facts, _as_of: np.array([float(account.arr) for account in facts.accounts]),
    ),
    "seats": (gettext_lazy("seats"), lambda facts, as_of: facts.seats(as_of)),
}


def check_condition(condition: object, depth: int = 1) -> dict[str, Any]:
    """Return the condition in its plain form; raises ValidationError saying what is wrong."""
    if condition in (None, "", {}):
        return {}
    if not isinstance(condition, Mapping):
        raise ValidationError(_("A condition is a group or a clause."))
    if "of" in condition:
        match, parts = condition.get("match", "all"), condition["of"]
        if match not in {"all", "any"} or not isinstance(parts, list) or depth > DEEPEST:
            raise ValidationError(_("A group matches “all” or “any” of a list, at most three deep."))
        return {"match": match, "of": [check_condition(part, depth + 1) for part in parts]}
    field, operator, value = (condition.get(name) for name in ("field", "is", "value"))
    if field in CHOICES:
        known = {key for key, _label in CHOICES[field][1]}
        if operator not in {"in", "not_in"} or not isinstance(value, list) or not value:
            raise ValidationError(_("“%(field)s” is or is not one of a list.") % {"field": field})
        unknown = [one for one in value if one not in known]
        if unknown:
            raise ValidationError(
                _("“%(value)s” is no %(field)s.") % {"value": unknown[0], "field": CHOICES[field][0]}
            )
        return {"field": field, "is": operator, "value": sorted(set(value))}
    if field in NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if operator not in {"at_least", "at_most"} or not number:
            raise ValidationError(_("“%(field)s” is at least or at most a number.") % {"field": field})
        return {"field": field, "is": operator, "value": value}
    raise ValidationError(_("There is no field “%s”.") % field)


def holding(condition: Mapping[str, Any], facts: Facts, as_of: datetime) -> Bools:
    """Return, per account of the facts, whether the condition holds; a number that is unknown holds for nothing."""
    if not condition:
        return np.ones(len(facts), dtype=bool)
    if "of" in condition:
        judged = [holding(part, facts, as_of) for part in condition["of"]]
        together = np.logical_and if condition["match"] == "all" else np.logical_or
        return together.reduce(judged) if judged else np.zeros(len(facts), dtype=bool)
    field, value = condition["field"], condition["value"]
    if field in CHOICES:
        chosen = np.array([getattr(account, field) in value for account in facts.accounts], dtype=bool)
        return chosen if condition["is"] == "in" else ~chosen
    numbers = NUMBERS[field][1](facts, as_of)
    with np.errstate(invalid="ignore"):
        held: Bools = numbers >= value if condition["is"] == "at_least" else numbers <= value
    return held


def in_words(condition: Mapping[str, Any]) -> str:
    """Say which accounts a condition means."""
    if not condition:
        return _("All customers")
    if "of" in condition:
        joint = _(" and ") if condition["match"] == "all" else _(" or ")
        return joint.join(in_words(part) for part in condition["of"])
    field, value = condition["field"], condition["value"]
    if field in CHOICES:
        label, choices = CHOICES[field]
        names = ", ".join(str(name) for key, name in choices if key in value)
        return f"{label} {_('is') if condition['is'] == 'in' else _('is not')} {names}"
    return f"{NUMBERS[field][0]} {'≥' if condition['is'] == 'at_least' else '≤'} {value:g}"
