"""App configuration of tickets."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TicketsConfig(AppConfig):
    """Owns the conversation."""

    name = "tickets"
    verbose_name = "Tickets"

    def ready(self) -> None:
        """Register the system checks and put the built-in rows in place after migrations."""
        import_module("tickets.checks")
        from tickets.first_rows import put_first_rows

        post_migrate.connect(put_first_rows, sender=self)
