"""App configuration of imports."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Owns imports from other systems and archives of the whole installation."""

    name = "imports"
    verbose_name = "Imports"
