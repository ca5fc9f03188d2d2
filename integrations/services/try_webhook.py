"""Send a test event to an endpoint, to see what its receiver says."""

import secrets

from django.db import transaction

from core.outbox import enqueue_outbound
from integrations.catalogue import TEST_TYPE
from integrations.events import WEBHOOK_TESTED
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.plan_deliveries import WEBHOOK_KIND
from people.viewer import Viewer


@transaction.atomic
def try_webhook(*, endpoint: WebhookEndpoint, by: Viewer) -> WebhookDelivery:
    """Write a test event down for sending and return its delivery; tried once, also where the endpoint is switched off."""
    by.require("integrations.manage")
    message_id = f"test_{secrets.token_hex(12)}"
    outbound = enqueue_outbound(
        kind=WEBHOOK_KIND,
        idempotency_key=f"webhook:{message_id}",
        payload={"delivery": message_id},
    )
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, event_type=TEST_TYPE, message_id=message_id, outbound=outbound
    )
    WEBHOOK_TESTED.record(by=by, subject_id=endpoint.pk, detail={"name": endpoint.name})
    return delivery
