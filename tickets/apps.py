"""App configuration of tickets."""

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    """Owns the conversation."""

    name = "tickets"
    verbose_name = "Tickets"
