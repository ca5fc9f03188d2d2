"""App configuration of the ground floor."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate

# The ground's registries live beside the code that uses them; importing these modules declares them.
REGISTRY_MODULES = (
    "subscription",
    "outbox",
    "job_runner",
    "notifications",
    "readiness",
    "navigation",
    "palette",
    "live.subjects",
    "search.sections",
    "search.sources",
    "checks",
)


class CoreConfig(AppConfig):
    """Owns the event log and everything that delivers it."""

    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Declare the registries, register the system checks and put the first rows in place after migrations."""
        for module in REGISTRY_MODULES:
            import_module(f"core.{module}")
        from core.first_rows import put_first_rows

        post_migrate.connect(put_first_rows, sender=self)
