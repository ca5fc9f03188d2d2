"""Conditions on tickets: one language for views, SLA policies, macros, custom fields and escalation rules.

A condition is JSON, either a group ``{"match": "all" | "any", "of": [condition, …]}`` or a clause
``{"field": "priority", "is": "in", "value": ["high", "urgent"]}``; the empty object holds for every ticket. Each is read in
two ways that agree: ``as_q`` selects tickets in the database, ``holds`` judges one that is loaded. Which fields there are is in
``tickets.condition_fields``, what can be asked of them in ``tickets.condition_kinds``.

``me`` is the person whom the value "me" stands for, in "assignee is me".
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.condition_fields import PERMISSIONS, ConditionFields
from tickets.condition_kinds import Asked, PeopleField
from tickets.models import Ticket

DEEPEST = 3
MOST_CLAUSES = 50

Condition = Mapping[str, Any]


def check_condition(condition: object, by: Viewer | None = None) -> dict[str, Any]:
    """Return the condition in its plain form; raises ValidationError saying which clause is wrong and why.

    Operators and values are checked against the fields that exist now, and with ``by`` against what that viewer may read.
    """
    if condition in (None, "", {}):
        return {}
    known = ConditionFields()
    checked = _check(condition, known, depth=1)
    if sum(1 for _clause in clauses(checked)) > MOST_CLAUSES:
        raise ValidationError(_("A condition has at most %d parts.") % MOST_CLAUSES)
    if by is not None:
        check_permitted(checked, by)
    return checked


def _check(condition: object, known: ConditionFields, depth: int) -> dict[str, Any]:
    if not isinstance(condition, Mapping):
        raise ValidationError(_("A condition is a group or a clause."))
    if "of" in condition:
        if condition.get("match", "all") not in {"all", "any"} or not isinstance(condition["of"], list):
            raise ValidationError(_("A group matches “all” or “any” of a list."))
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


def check_permitted(condition: Condition, viewer: Viewer) -> None:
    """Raise ValidationError naming the field when a condition asks about what the viewer may not read."""
    for clause in clauses(condition):
        permission = PERMISSIONS.get(clause["field"], "")
        if permission and not viewer.can(permission):
            raise ValidationError(
                _("“%(field)s” cannot be asked without the permission “%(permission)s”.")
                % {"field": clause["field"], "permission": permission}
            )


def is_permitted(condition: Condition, viewer: Viewer) -> bool:
    """Say whether a condition asks about nothing that the viewer may not read."""
    return all(
        not permission or viewer.can(permission)
        for permission in (PERMISSIONS.get(clause["field"], "") for clause in clauses(condition))
    )


def clauses(condition: Condition) -> Iterator[Mapping[str, Any]]:
    """Yield every clause of a condition."""
    if "of" in condition:
        for part in condition["of"]:
            yield from clauses(part)
    elif condition:
        yield condition


def as_q(condition: Condition, *, me: int | None, now: datetime) -> Q:
    """Return the condition for the database. A clause about a field that no longer exists holds for no ticket."""
    return _q(condition, ConditionFields(), Asked(me, now))


def _q(condition: Condition, known: ConditionFields, asked: Asked) -> Q:
    if not condition:
        return Q()
    if "of" in condition:
        parts = [_q(part, known, asked) for part in condition["of"]]
        if not parts:
            # not Q(): "x or Q()" is x
            return ~Q(pk__in=[])
        joined = parts[0]
        for part in parts[1:]:
            joined = joined & part if condition["match"] == "all" else joined | part
        return joined
    field = known.get(condition["field"])
    return Q(pk__in=[]) if field is None else field.q(condition["is"], condition["value"], asked)


def holds(
    condition: Condition,
    ticket: Ticket,
    *,
    me: int | None,
    now: datetime,
    fields: ConditionFields | None = None,
) -> bool:
    """Say whether the condition holds for a loaded ticket; the same as asking the database, without a query for columns.

    Tags and custom fields are read through ``ticket_tags`` and ``field_values``: prefetch them for many tickets, call
    ``load_people`` for followers and mentions, and hand over one ``ConditionFields`` for all.
    """
    return _holds(condition, fields or ConditionFields(), ticket, Asked(me, now))


def _holds(condition: Condition, known: ConditionFields, ticket: Ticket, asked: Asked) -> bool:
    if not condition:
        return True
    if "of" in condition:
        if not condition["of"]:
            return True
        parts = (_holds(part, known, ticket, asked) for part in condition["of"])
        return all(parts) if condition["match"] == "all" else any(parts)
    field = known.get(condition["field"])
    return field is not None and field.test(condition["is"], condition["value"], ticket, asked)


def in_words(condition: Condition) -> str:
    """Return the condition as a sentence part: "priority is high or urgent, and tag is refund"."""
    return _words(condition, ConditionFields(), outer=True)


def _words(condition: Condition, known: ConditionFields, *, outer: bool) -> str:
    if not condition or condition.get("of") == []:
        return _("every ticket")
    if "of" in condition:
        parts = [_words(part, known, outer=False) for part in condition["of"]]
        joined = (_(" and ") if condition["match"] == "all" else _(" or ")).join(parts)
        return joined if outer or len(parts) < 2 else f"({joined})"
    field = known.get(condition["field"])
    return _("a field that is gone") if field is None else field.words(condition["is"], condition["value"])


def depends_on_time(condition: Condition) -> bool:
    """Say whether the passing of time alone can change what the condition holds for."""
    known = ConditionFields()
    asked = ((known.get(clause["field"]), clause["is"]) for clause in clauses(condition))
    return any(field is not None and operator in field.timed for field, operator in asked)


def turns_after(
    condition: Condition, ticket: Ticket, *, now: datetime, fields: ConditionFields | None = None
) -> datetime | None:
    """Return the first moment from ``now`` on after which time alone may turn the condition for a loaded ticket."""
    known = fields or ConditionFields()
    moments = []
    for clause in clauses(condition):
        field = known.get(clause["field"])
        at = None if field is None else field.turns_at(clause["is"], clause["value"], ticket)
        if at is not None and at >= now:
            moments.append(at)
    return min(moments, default=None)


def asks_for_me(condition: Condition) -> bool:
    """Say whether the condition means something else for every person."""
    return bool(fields_of_me(condition))


def fields_of_me(condition: Condition) -> frozenset[str]:
    """Return the keys of the fields that the condition asks about "me"."""
    return frozenset(
        clause["field"]
        for clause in clauses(condition)
        if isinstance(clause["value"], list) and "me" in clause["value"]
    )


def load_people(tickets: Sequence[Ticket], asked: Collection[str]) -> None:
    """Read what the fields ``asked`` about judge by rows of people (followers, mentions): one query for each such field."""
    known = ConditionFields()
    for key in sorted(asked):
        field = known.get(key) if not key.startswith("field:") else None
        if isinstance(field, PeopleField):
            field.load(tickets)
