"""App configuration of success."""

from django.apps import AppConfig


class SuccessConfig(AppConfig):
    """Owns outreach."""

    name = "success"
    verbose_name = "Success"
