"""Names and addresses are looked for by any letters within them: indexes of trigrams, where PostgreSQL has them and lets
them be used; without them the search reads the table."""

from typing import Any

from django.db import migrations, transaction
from django.db.utils import DatabaseError

COLUMNS = (
    ("customers_account", "name"),
    ("customers_account", "domain"),
    ("customers_contact", "name"),
    ("customers_contactidentity", "value"),
)


def add(apps: Any, schema_editor: Any) -> None:
    """Index the columns as ``icontains`` compares them."""
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')")
        if not cursor.fetchone()[0]:
            return
        try:
            with transaction.atomic(using=connection.alias):
                for table, column in COLUMNS:
                    cursor.execute(
                        f"CREATE INDEX IF NOT EXISTS {table}_{column}_letters ON {table}"
                        f" USING gin (UPPER({column}::text) gin_trgm_ops)"
                    )
        except DatabaseError:
            pass  # the extension is in a schema that is not searched


def remove(apps: Any, schema_editor: Any) -> None:
    """Drop them."""
    if schema_editor.connection.vendor == "postgresql":
        for table, column in COLUMNS:
            schema_editor.execute(f"DROP INDEX IF EXISTS {table}_{column}_letters")


class Migration(migrations.Migration):
    """Four indexes, on PostgreSQL alone."""

    dependencies = [("customers", "0002_desk"), ("core", "0004_search_text")]
    operations = [migrations.RunPython(add, remove)]
