"""Forget what was delivered long ago."""

from datetime import timedelta

from django.utils import timezone

from integrations.models import WebhookDelivery

KEPT = timedelta(days=30)
BATCH = 2000


def forget_old_deliveries() -> int:
    """Delete deliveries that ended more than KEPT ago, BATCH at a time; returns how many. The rows of the outbox stay."""
    deleted = 0
    while True:
        old = WebhookDelivery.objects.filter(finished_at__lt=timezone.now() - KEPT).order_by("finished_at")
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        if not ids:
            return deleted
        deleted += WebhookDelivery.objects.filter(pk__in=ids).delete()[0]
