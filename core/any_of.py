"""A condition on very many values: one parameter, whatever their number."""

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import F, Lookup
from django.db.models.sql.compiler import SQLCompiler


class AnyOf(Lookup[Any]):
    """Rows whose column is one of many texts or numbers: ``rows.filter(AnyOf("message_id", ids))``.

    ``IN`` sends each value as a parameter of its own: PostgreSQL parses a statement of 2,500 of them anew each time, and takes
    65,535 at most. An array is one parameter of a statement that stays the same.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def __init__(self, column: Any, values: Iterable[Any]) -> None:
        super().__init__(F(column) if isinstance(column, str) else column, list(values))

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Say it as SQLite understands it."""
        column, params = self.process_lhs(compiler, connection)
        # The column is Django's own SQL.
        sql = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608
        return sql, (*params, json.dumps(self.rhs))

    def as_postgresql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Say it as PostgreSQL understands it."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*params, self.rhs)
