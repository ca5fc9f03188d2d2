"""What an answer, and what was done together with it, did to a ticket, so that taking the answer back can take that back,
too: column by column, and the tags and custom fields, which are rows of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import ForeignKey

from tickets.custom_fields import values_of
from tickets.models import Ticket, TicketTag

# What stands beside the columns: names, in their order, and values by the key of their field.
TAGS = "tags"
FIELDS = "fields"
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


def snapshot_with_rows(ticket: Ticket) -> dict[str, Any]:
    """The columns of a ticket, its tags and its custom fields as JSON values. Two queries."""
    tags = TicketTag.objects.filter(ticket=ticket).order_by("tag__name").values_list("tag__name", flat=True)
    return snapshot(ticket) | {TAGS: list(tags), FIELDS: values_of(ticket)}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By column what it was and what it became, for those that differ."""
    return {name: [old, after[name]] for name, old in before.items() if old != after[name]}


def followed_by(first: Mapping[str, list[Any]], then: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Two sets of changes, one after the other, as one: what came to be as it was is left out."""
    both = dict(first)
    for name, (before, after) in then.items():
        both[name] = [both[name][0] if name in both else before, after]
    return {name: change for name, change in both.items() if change[0] != change[1]}


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
