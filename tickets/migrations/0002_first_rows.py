"""The built-in statuses and the counter of ticket numbers."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

STATUSES = [
    ("new", "New", "new", "Received"),
    ("open", "Open", "open", "In progress"),
    ("waiting", "Waiting on customer", "waiting", "Waiting for you"),
    ("on_hold", "On hold", "on_hold", "In progress"),
    ("resolved", "Resolved", "resolved", "Solved"),
    ("closed", "Closed", "closed", "Closed"),
]


def add_rows(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add what every installation starts with."""
    status = apps.get_model("tickets", "Status")
    for position, (key, name, category, customer_label) in enumerate(STATUSES):
        status.objects.get_or_create(
            key=key,
            defaults={"name": name, "category": category, "customer_label": customer_label, "position": position},
        )
    apps.get_model("tickets", "TicketNumber").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]
    operations = [migrations.RunPython(add_rows, migrations.RunPython.noop)]
