"""App configuration of insights."""

from django.apps import AppConfig


class InsightsConfig(AppConfig):
    """Owns figures; it has no tables of its own."""

    name = "insights"
    verbose_name = "Insights"
