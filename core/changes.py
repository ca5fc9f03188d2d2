"""What an edit changed: the old and new values an event's detail records."""

from typing import Any

from django.db import models


def apply_changes(row: models.Model, **values: Any) -> dict[str, list[Any]]:
    """Set ``values`` on ``row`` without saving and return ``{field: [old, new]}`` of those that differ.

    Related rows appear by their primary key.
    """
    changes: dict[str, list[Any]] = {}
    for name, value in values.items():
        field = row._meta.get_field(name)
        attribute = getattr(field, "attname", name)
        old = getattr(row, attribute)
        setattr(row, name, value)
        new = getattr(row, attribute)
        if old != new:
            changes[name] = [old, new]
    return changes
