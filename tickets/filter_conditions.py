"""The filters of a list as a condition, so that what is on display can be kept as a view."""

from collections.abc import Mapping
from typing import Any

from tickets.conditions import check_condition
from tickets.selectors import WHERE, read_where

_AS_CLAUSE = (
    "status", "status_category", "priority", "channel", "sentiment", "routing_state", "team", "assignee", "category",
    "account", "inbox", "type",
)  # fmt: skip


def condition_of(base: Mapping[str, Any], filters: Mapping[str, str]) -> dict[str, Any]:
    """Return the condition of a view narrowed by filters; raises ValidationError for what cannot be used."""
    parts = _parts(base)
    for name, value in filters.items():
        if name == WHERE:
            parts += _parts(read_where(value))
        elif name == "tag":
            parts.append({"field": "tags", "is": "any", "value": [value]})
        elif name == "contact":
            parts.append({"field": "contact_id", "is": "in", "value": [value]})
        elif name == "updated_since":
            parts.append({"field": "updated_at", "is": "after", "value": value})
        elif name in _AS_CLAUSE:
            parts.append({"field": name, "is": "in", "value": [value]})
    return check_condition({"match": "all", "of": parts})


def _parts(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if not condition:
        return []
    return list(condition["of"]) if condition.get("match") == "all" else [condition]
