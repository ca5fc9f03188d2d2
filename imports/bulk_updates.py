"""Writes many rows' columns with one prepared statement, several times faster than ``bulk_update``."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models, transaction

from core.bulk_rows import prepared


def update_rows(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Set ``columns`` of rows, each given as their values and, last, its id."""
    if not rows:
        return
    quote = connection.ops.quote_name
    fields = {field.attname: field for field in model._meta.concrete_fields}
    names = ", ".join(f"{quote(str(fields[name].column))} = %s" for name in columns)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {names} WHERE id = %s"  # noqa: S608 - names come from the model
    values = [
        [*(prepared(model, name, value) for name, value in zip(columns, row, strict=False)), row[-1]]
        for row in rows
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, values)
