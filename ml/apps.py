"""App configuration of ml."""

from django.apps import AppConfig


class MlConfig(AppConfig):
    """Owns models, predictions and labels."""

    name = "ml"
    verbose_name = "Models"
