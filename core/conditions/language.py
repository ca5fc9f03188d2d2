"""The language of conditions: checking, asking the database, judging a loaded row, telling in words.

A condition is JSON, either a group ``{"match": "all" | "any" | "none", "of": [condition, …]}`` or a clause
``{"field": "priority", "is": "in", "value": ["high", "urgent"]}``; the empty object and an empty group hold for every row. The
fields are handed in by the app whose rows are asked about (``Fields``).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from core.conditions.kinds import Asked, ConditionField

DEEPEST = 3
MOST_CLAUSES = 50
MATCHES = ("all", "any", "none")

Condition = Mapping[str, Any]


class Fields(Protocol):
    """The fields that can be asked about."""

    def get(self, key: str) -> ConditionField | None:
        """Return the field with this key, None when there is none (any more)."""


class Viewing(Protocol):
    """Who asks; a ``people.viewer.Viewer``."""

    def can(self, permission: str) -> bool:
        """Say whether the viewer has a permission."""


def check(condition: object, known: Fields) -> dict[str, Any]:
    """Return the condition in its plain form; raises ValidationError saying which clause is wrong and why."""
    if condition in (None, "", {}):
        return {}
    checked = _check(condition, known, depth=1)
    if sum(1 for _clause in clauses(checked)) > MOST_CLAUSES:
        raise ValidationError(_("A condition has at most %d parts.") % MOST_CLAUSES)
    return checked


def _check(condition: object, known: Fields, depth: int) -> dict[str, Any]:
    if not isinstance(condition, Mapping):
        raise ValidationError(_("A condition is a group or a clause."))
    if "of" in condition:
        if condition.get("match", "all") not in MATCHES or not isinstance(condition["of"], list):
            raise ValidationError(_("A group matches “all”, “any” or “none” of a list."))
        if depth > DEEPEST:
            raise ValidationError(_("Groups can be nested %d deep.") % DEEPEST)
        parts = [_check(part, known, depth + 1) for part in condition["of"]]
        return {"match": condition.get("match", "all"), "of": parts}
    field = known.get(str(condition.get("field", "")))
    if field is None:
        raise ValidationError(_("There is no field “%s”.") % condition.get("field", ""))
    operator = str(condition.get("is", ""))
    if operator not in field.operators:
        raise ValidationError(
            _("“%(field)s” cannot be asked “%(operator)s”. Choose one of: %(known)s.")
            % {"field": field.label, "operator": operator, "known": ", ".join(field.operators)}
        )
    return {"field": field.key, "is": operator, "value": field.clean(operator, condition.get("value"))}


def check_permitted(condition: Condition, viewer: Viewing, needed: Mapping[str, str]) -> None:
    """Raise ValidationError naming the field when a condition asks about what the viewer may not read.

    ``needed`` are permissions by field: who can filter by a value reads it bit by bit.
    """
    for clause in clauses(condition):
        permission = needed.get(clause["field"], "")
        if permission and not viewer.can(permission):
            raise ValidationError(
                _("“%(field)s” cannot be asked without the permission “%(permission)s”.")
                % {"field": clause["field"], "permission": permission}
            )


def is_permitted(condition: Condition, viewer: Viewing, needed: Mapping[str, str]) -> bool:
    """Say whether a condition asks about nothing that the viewer may not read."""
    asked = (needed.get(clause["field"], "") for clause in clauses(condition))
    return all(not permission or viewer.can(permission) for permission in asked)


def clauses(condition: Condition) -> Iterator[Mapping[str, Any]]:
    """Yield every clause of a condition."""
    if "of" in condition:
        for part in condition["of"]:
            yield from clauses(part)
    elif condition:
        yield condition


def as_q(condition: Condition, known: Fields, asked: Asked) -> Q:
    """Return the condition for the database. A clause about a field that no longer exists holds for no row."""
    if not condition:
        return Q()
    if "of" in condition:
        parts = [as_q(part, known, asked) for part in condition["of"]]
        if not parts:
            # not Q(): "x or Q()" is x
            return ~Q(pk__in=[])
        joined = parts[0]
        for part in parts[1:]:
            joined = joined & part if condition["match"] == "all" else joined | part
        return ~joined if condition["match"] == "none" else joined
    field = known.get(condition["field"])
    return Q(pk__in=[]) if field is None else field.q(condition["is"], condition["value"], asked)


def holds(condition: Condition, known: Fields, row: Any, asked: Asked) -> bool:
    """Say whether the condition holds for a loaded row; the same as asking the database."""
    if not condition:
        return True
    if "of" in condition:
        if not condition["of"]:
            return True
        parts = (holds(part, known, row, asked) for part in condition["of"])
        if condition["match"] == "all":
            return all(parts)
        return any(parts) is (condition["match"] == "any")
    field = known.get(condition["field"])
    return field is not None and field.test(condition["is"], condition["value"], row, asked)


def in_words(condition: Condition, known: Fields, every: str) -> str:
    """Return the condition as a sentence part: "priority is high or urgent, and tag is refund"; ``every`` when it is empty."""
    return _words(condition, known, every, outer=True)


def _words(condition: Condition, known: Fields, every: str, *, outer: bool) -> str:
    if not condition or condition.get("of") == []:
        return every
    if "of" in condition:
        parts = [_words(part, known, every, outer=False) for part in condition["of"]]
        joined = (_(" and ") if condition["match"] == "all" else _(" or ")).join(parts)
        if condition["match"] == "none":
            return _("not (%s)") % joined
        return joined if outer or len(parts) < 2 else f"({joined})"
    field = known.get(condition["field"])
    return _("a field that is gone") if field is None else field.words(condition["is"], condition["value"])


def depends_on_time(condition: Condition, known: Fields) -> bool:
    """Say whether the passing of time alone can change what the condition holds for."""
    asked = ((known.get(clause["field"]), clause["is"]) for clause in clauses(condition))
    return any(field is not None and operator in field.timed for field, operator in asked)
