"""The sequencer's one row."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def add_sequencer(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Start the order at 0."""
    apps.get_model("core", "Sequencer").objects.get_or_create(pk=1, defaults={"last_seq": 0})


class Migration(migrations.Migration):
    dependencies = [("core", "0002_initial")]
    operations = [migrations.RunPython(add_sequencer, migrations.RunPython.noop)]
