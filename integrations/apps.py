"""App configuration of integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Owns outgoing webhooks and connections with CRMs."""

    name = "integrations"
    verbose_name = "Integrations"
