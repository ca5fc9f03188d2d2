"""Inserts and updates very many plain rows: several times faster than through model instances, on every database."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection, models, transaction

BATCH = 20_000


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows given as the values of ``columns`` (field attribute names, in order); returns how many.

    Values must be what the database adapter takes: use ``prepared`` for dates and times. PostgreSQL gets them by COPY,
    so JSON may also be given as text there.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields}
    names = ", ".join(connection.ops.quote_name(str(fields[name].column)) for name in columns)
    table = connection.ops.quote_name(model._meta.db_table)
    marks = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names come from the model
    source = iter(rows)
    written = 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in source:
                copy.write_row(row)
                written += 1
        return written
    with connection.cursor() as cursor:
        while batch := list(islice(source, BATCH)):
            cursor.executemany(statement, batch)
            written += len(batch)
    return written


def update_rows(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Set ``columns`` of rows, each given as their values and, last, its id; one prepared statement for all."""
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


def prepared(model: type[models.Model], name: str, value: Any) -> Any:
    """Return a value of a field as the database adapter takes it."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return fields[name].get_db_prep_save(value, connection)
