"""App configuration of health."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Owns scores."""

    name = "health"
    verbose_name = "Health"
