"""Conditions on tickets: the language of ``core.conditions`` over the fields of tickets, for views, SLA policies, macros, custom
fields and escalation rules.

Each condition is read in two ways that agree: ``as_q`` selects tickets in the database, ``holds`` judges one that is loaded.
Which fields there are is in ``tickets.condition_fields``, what can be asked of them in ``core.conditions.kinds`` and
``tickets.condition_kinds``.

``me`` is the person whom the value "me" stands for, in "assignee is me".
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from core.conditions import language
from core.conditions.kinds import Asked
from core.conditions.language import DEEPEST, MOST_CLAUSES, Condition, clauses
from people.viewer import Viewer
from tickets.condition_fields import PERMISSIONS, ConditionFields
from tickets.condition_kinds import PeopleField
from tickets.models import Ticket

__all__ = [
    "DEEPEST",
    "MOST_CLAUSES",
    "Condition",
    "as_q",
    "asks_for_me",
    "check_condition",
    "check_permitted",
    "clauses",
    "depends_on_time",
    "fields_of_me",
    "holds",
    "in_words",
    "is_permitted",
    "load_people",
    "turns_after",
]


def check_condition(condition: object, by: Viewer | None = None) -> dict[str, Any]:
    """Return the condition in its plain form; raises ValidationError saying which clause is wrong and why.

    Operators and values are checked against the fields that exist now, and with ``by`` against what that viewer may read.
    """
    checked = language.check(condition, ConditionFields())
    if by is not None:
        check_permitted(checked, by)
    return checked


def check_permitted(condition: Condition, viewer: Viewer) -> None:
    """Raise ValidationError naming the field when a condition asks about what the viewer may not read."""
    language.check_permitted(condition, viewer, PERMISSIONS)


def is_permitted(condition: Condition, viewer: Viewer) -> bool:
    """Say whether a condition asks about nothing that the viewer may not read."""
    return language.is_permitted(condition, viewer, PERMISSIONS)


def as_q(condition: Condition, *, me: int | None, now: datetime) -> Q:
    """Return the condition for the database. A clause about a field that no longer exists holds for no ticket."""
    return language.as_q(condition, ConditionFields(), Asked(me, now))


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
    return language.holds(condition, fields or ConditionFields(), ticket, Asked(me, now))


def in_words(condition: Condition) -> str:
    """Return the condition as a sentence part: "priority is high or urgent, and tag is refund"."""
    return language.in_words(condition, ConditionFields(), _("every ticket"))


def depends_on_time(condition: Condition) -> bool:
    """Say whether the passing of time alone can change what the condition holds for."""
    return language.depends_on_time(condition, ConditionFields())


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
