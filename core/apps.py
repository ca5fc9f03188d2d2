"""App configuration of the ground floor."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Owns the event log and everything that delivers it."""

    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Register the system checks that guard settings the design depends on."""
        from core import checks  # noqa: F401  - registration by import
