"""Send what was delivered, or was not, once more. The receiver knows a repetition by its ``webhook-id``."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.outbox import enqueue_outbound
from integrations.events import WEBHOOK_REPLAYED
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.forget_old_deliveries import KEPT
from integrations.services.plan_deliveries import WEBHOOK_KIND
from people.viewer import Viewer

MOST_AT_ONCE = 500
_OVER = (WebhookDelivery.State.FAILED, WebhookDelivery.State.WITHHELD)


@transaction.atomic
def replay_delivery(*, delivery: WebhookDelivery, by: Viewer) -> bool:
    """Send one delivery again; returns False for one that waits already. Raises ValidationError for an endpoint that is off."""
    by.require("integrations.manage")
    _require_active(delivery.endpoint)
    rows = WebhookDelivery.objects.select_for_update().exclude(state=WebhookDelivery.State.PENDING)
    row = rows.filter(pk=delivery.pk).first()
    if row is None:
        return False
    _again(row, delivery.endpoint)
    WEBHOOK_REPLAYED.record(
        by=by, subject_id=row.endpoint_id, detail={"deliveries": 1, "first": row.message_id}
    )
    return True


@transaction.atomic
def replay_failed(*, endpoint: WebhookEndpoint, since: datetime, by: Viewer) -> tuple[int, int]:
    """Send again what has failed, or was withheld, since a moment, in its old order: the oldest MOST_AT_ONCE.

    Returns how many, and how many are left. Tests are left out. Raises ValidationError naming the field.
    """
    by.require("integrations.manage")
    _require_active(endpoint)
    if since > timezone.now():
        raise ValidationError({"since": _("This is in the future.")})
    # Nothing older is in the log, and databases do not know every moment.
    since = max(since, timezone.now() - KEPT)
    failed = WebhookDelivery.objects.filter(
        endpoint=endpoint, state__in=_OVER, created_at__gte=since, event__isnull=False
    )
    rows = list(failed.select_for_update().order_by("pk")[:MOST_AT_ONCE])
    for row in rows:
        _again(row, endpoint)
    if rows:
        WEBHOOK_REPLAYED.record(
            by=by,
            subject_id=endpoint.pk,
            detail={"deliveries": len(rows), "first": rows[0].message_id, "since": since},
        )
    return len(rows), failed.count()


def _require_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_active:
        raise ValidationError(_("The webhook is switched off: switch it on first."))


def _again(row: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    row.replays += 1
    row.state = WebhookDelivery.State.PENDING
    row.finished_at = None
    row.outbound = enqueue_outbound(
        kind=WEBHOOK_KIND,
        idempotency_key=f"webhook:{row.message_id}:{row.replays}",
        payload={"delivery": row.message_id},
        account_id=None if row.outbound is None else row.outbound.account_id,
        ticket_id=None if row.outbound is None else row.outbound.ticket_id,
        not_before=endpoint.waits_until,
    )
    row.save(update_fields=["replays", "state", "finished_at", "outbound"])
