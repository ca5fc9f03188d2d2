"""The database itself refuses to change what the revenue ledger says, whoever writes. Put in place after every migration.

Only deleting is left to it, since an account that is deleted takes its ledger along, and moving rows to another account or
away from a deleted subscription.
"""

from typing import Any

from django.db import connections

_TABLE = "customers_revenuemovement"
_TRIGGER = "customers_ledger_is_kept"
_KEPT = (
    "kind, amount, currency, amount_base, base_currency, rate, product, effective_on, notice_on, recorded_at, reason_code, "
    "void_of_id"
)
_SQLITE = (
    f"CREATE TRIGGER IF NOT EXISTS {_TRIGGER} BEFORE UPDATE OF {_KEPT} ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the revenue ledger is append-only'); END",
)
_POSTGRESQL = (
    f"CREATE OR REPLACE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the revenue ledger is append-only'; END $$",
    f"DROP TRIGGER IF EXISTS {_TRIGGER} ON {_TABLE}",
    f"CREATE TRIGGER {_TRIGGER} BEFORE UPDATE OF {_KEPT} ON {_TABLE} FOR EACH ROW EXECUTE FUNCTION {_TRIGGER}()",
)


def keep_ledger(using: str = "default", **_: Any) -> None:
    """Make the trigger, where the table is there and has all its columns."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if _TABLE not in connection.introspection.table_names(cursor):
            return
        columns = {column.name for column in connection.introspection.get_table_description(cursor, _TABLE)}
        if not set(_KEPT.split(", ")) <= columns:
            return
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)
