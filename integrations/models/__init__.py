"""Tables of integrations."""

from integrations.models.crm import (
    CrmCheck,
    CrmConflict,
    CrmConnection,
    CrmField,
    CrmGap,
    CrmLink,
    CrmRecord,
    CrmStream,
)
from integrations.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "CrmCheck",
    "CrmConflict",
    "CrmConnection",
    "CrmField",
    "CrmGap",
    "CrmLink",
    "CrmRecord",
    "CrmStream",
    "WebhookDelivery",
    "WebhookEndpoint",
]
