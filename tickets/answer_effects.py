"""What an answer did to its ticket, column by column, so that taking the answer back can take that back too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import ForeignKey

from tickets.models import Ticket

# Never put back: what the database makes, what grows with every change, what is a fact whoever answers, and what the
# status brings with it.
_KEPT = frozenset(
    {
        "id",
        "version",
        "updated_at",
        "due_order",
        "first_response_breached_at",
        "next_response_breached_at",
        "resolution_breached_at",
    }
)


def snapshot(ticket: Ticket) -> dict[str, Any]:
    """The columns of a ticket as JSON values."""
    return {
        column.attname: _as_json(getattr(ticket, column.attname))
        for column in Ticket._meta.concrete_fields
        if column.attname not in _KEPT
    }


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By column what it was and what it became, for those that differ."""
    return {name: [old, after[name]] for name, old in before.items() if old != after[name]}


def untouched_since(ticket: Ticket, changed: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The earlier values of those columns that still are what the answer made them."""
    present = snapshot(ticket)
    return {
        name: value_of(name, before)
        for name, (before, after) in changed.items()
        if name in present and present[name] == after
    }


def value_of(name: str, stored: Any) -> Any:
    """The value that a column takes for what ``snapshot`` has stored."""
    column = next(one for one in Ticket._meta.concrete_fields if one.attname == name)
    if stored is None:
        return None
    return (
        column.target_field.to_python(stored) if isinstance(column, ForeignKey) else column.to_python(stored)
    )


def _as_json(value: Any) -> Any:
    """Moments keep their microseconds, so that they compare as what they were."""
    return value.isoformat() if isinstance(value, datetime) else value
