"""Tables of integrations."""

from integrations.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = ["WebhookDelivery", "WebhookEndpoint"]
