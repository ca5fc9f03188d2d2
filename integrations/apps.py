"""App configuration of integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Owns outgoing webhooks."""

    name = "integrations"
    verbose_name = "Integrations"
