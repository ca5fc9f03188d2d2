"""App configuration of people."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Owns the user model."""

    name = "people"
    verbose_name = "People"
