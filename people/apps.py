"""App configuration of people."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Owns the user model."""

    name = "people"
    verbose_name = "People"

    def ready(self) -> None:
        """Let the API's schema know how callers prove who they are."""
        from people.api import schema  # noqa: F401 - importing registers the extensions
