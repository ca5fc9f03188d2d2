"""Rows of the database as columns of numbers, without an object per row where the database can help.

PostgreSQL packs a column, or the days of an account, into one array, which numpy reads in its binary form in one piece; other
databases are read row by row. Both give the same numbers (tests/health/test_loading.py).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

from customers.models import UsageDaily

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# How a column becomes a number on PostgreSQL: number, truth, moment (POSIX seconds), day (ordinal).
_CASTS = {
    "n": "{}::float8",
    "b": "{}::int::float8",
    "t": "date_part('epoch', {})",
    "d": "({} - date '0001-01-01' + 1)::float8",
}
_USERS, _EVENTS = 2**24 - 1, 2**31 - 1


def has_arrays() -> bool:
    """Whether the database packs rows into arrays and sends them in binary."""
    return connection.vendor == "postgresql"


def among(ids: Sequence[int]) -> Any:
    """Return what ``field__in`` takes for these ids: one parameter where the database knows arrays."""
    return RawSQL("SELECT unnest(%s::bigint[])", [_literal(ids)]) if has_arrays() else ids


def _literal(ids: Sequence[int]) -> str:
    """The ids as PostgreSQL writes an array: quicker than adapting them one by one."""
    return "{" + ",".join(map(str, ids)) + "}"


def columns(rows: "QuerySet[Any, Any]", kinds: str) -> Floats:
    """Return a ``values_list`` as ``(rows, columns)``; ``kinds`` says for each column what it holds (_CASTS), null is NaN."""
    if has_arrays():
        return _at_once(rows, kinds)
    table = [[_number(value) for value in row] for row in rows.iterator(chunk_size=5000)]
    return np.array(table, dtype=float).reshape(-1, len(kinds))


def _number(value: Any) -> float:
    """A value as PostgreSQL would cast it."""
    if value is None:
        return np.nan
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return float(value.toordinal())
    return float(value)


def _at_once(rows: "QuerySet[Any, Any]", kinds: str) -> Floats:
    """Let the database make one array of each column."""
    inner, params = rows.query.sql_with_params()
    names = [f"c{place}" for place in range(len(kinds))]
    wanted = ", ".join(
        f"array_agg(coalesce({_CASTS[kind].format(name)}, 'NaN'))"
        for kind, name in zip(kinds, names, strict=True)
    )
    statement = f"SELECT {wanted} FROM ({inner}) AS r({', '.join(names)})"  # noqa: S608 - no values
    [found] = _arrays(statement, params, _NUMBER)
    return np.stack(found, axis=1).astype(float)


def usage_before(ids: Sequence[int], start: date, end: date, known_at: datetime) -> tuple[Floats, Floats]:
    """Return users and events of each day from ``start`` to before ``end`` as known at a moment; NaN without a row.

    ``(accounts, days)`` in the order of ``ids``; PostgreSQL only. Former values of changed rows are not looked at.
    """
    days = (end - start).days
    users, events = np.full((len(ids), days), np.nan), np.full((len(ids), days), np.nan)
    # One number per day: 8 bits for the day, 24 for the users, 31 for the events.
    statement = f"""
        SELECT (SELECT array_agg(((day - %s::date)::bigint << 55) | (least(users, {_USERS})::bigint << 31) | events)
                FROM {_usage()}
                WHERE account_id = a.id AND feature = '' AND day >= %s AND day < %s AND recorded_at <= %s)
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS a(id, place) ORDER BY a.place
    """  # noqa: S608 - the table's own name
    packed = [found for (found,) in _arrays(statement, [start, start, end, known_at, _literal(ids)])]
    if packed:
        rows, values = (
            np.repeat(np.arange(len(ids)), [len(found) for found in packed]),
            np.concatenate(packed),
        )
        users[rows, values >> 55] = (values >> 31) & _USERS
        events[rows, values >> 55] = values & _EVENTS
    return users, events


def used_before(ids: Sequence[int], day: date, known_at: datetime) -> npt.NDArray[np.bool_]:
    """Return which accounts had any use before a day, as known at a moment; one look into the index each."""
    statement = f"""
        SELECT ARRAY[EXISTS (SELECT 1 FROM {_usage()}
               WHERE account_id = a.id AND feature = '' AND day < %s AND recorded_at <= %s)::int::bigint]
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS a(id, place) ORDER BY a.place
    """  # noqa: S608 - the table's own name
    return np.array(
        [found[0] > 0 for (found,) in _arrays(statement, [day, known_at, _literal(ids)])], dtype=bool
    )


def feature_days(ids: Sequence[int], end: date, known_at: datetime) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Return the place of the account and the days of each feature that was used in the 63 days before ``end``.

    Days are bits, the day before ``end`` the lowest one; PostgreSQL only.
    """
    statement = f"""
        SELECT (SELECT array_agg(mask) FROM (
                 SELECT bit_or(1::bigint << (%s::date - 1 - day)) AS mask FROM {_usage()}
                 WHERE account_id = a.id AND day >= %s AND day < %s AND feature <> '' AND recorded_at <= %s
                 GROUP BY feature) AS f)
        FROM unnest(%s::bigint[]) WITH ORDINALITY AS a(id, place) ORDER BY a.place
    """  # noqa: S608 - the table's own name
    found = [
        masks
        for (masks,) in _arrays(statement, [end, end - timedelta(days=63), end, known_at, _literal(ids)])
    ]
    rows = np.repeat(np.arange(len(ids)), [len(masks) for masks in found])
    masks = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    return rows, masks.astype(np.uint64)


def _usage() -> str:
    return _table(UsageDaily)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


_NUMBER = np.dtype([("size", ">i4"), ("value", ">f8")])
_WHOLE = np.dtype([("size", ">i4"), ("value", ">i8")])
_ARRAY_HEADER = 20


def _arrays(
    statement: str, params: Sequence[Any], element: npt.DTypeLike = _WHOLE
) -> Iterable[list[npt.NDArray[Any]]]:
    """Run a query whose columns are arrays of one type without nulls within; an absent array is empty."""
    from psycopg import Cursor

    kept = np.dtype(element)
    connection.ensure_connection()
    with Cursor(connection.connection) as cursor:
        cursor.execute(statement, params, binary=True)
        result = cursor.pgresult
        if result is None:
            return
        for row in range(result.ntuples):
            yield [_array(result.get_value(row, column), kept) for column in range(result.nfields)]


def _array(raw: bytes | None, element: np.dtype[Any]) -> npt.NDArray[Any]:
    if raw is None or len(raw) <= _ARRAY_HEADER:
        return np.zeros(0, dtype=element["value"].newbyteorder("="))
    found = np.frombuffer(raw, dtype=element, offset=_ARRAY_HEADER)["value"]
    return found.astype(found.dtype.newbyteorder("="))
