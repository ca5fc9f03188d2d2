"""App configuration of the roof: when every app is loaded, the registries find their parts."""

from django.apps import AppConfig


class CsOpsConfig(AppConfig):
    """Last in INSTALLED_APPS, so its ``ready`` runs when all models and registries exist."""

    name = "cs_ops"
    verbose_name = "CS Ops"

    def ready(self) -> None:
        """Discover the parts of every registry; a bad part stops the start with a clear error."""
        from core.registry import discover_all

        discover_all()
