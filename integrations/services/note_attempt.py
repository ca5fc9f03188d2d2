"""Write down what a receiver said, what that means for its endpoint, and how a delivery ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import postpone_outbound
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.switch_webhook import disable_webhook

# Nothing accepted for so long, in at least so many attempts: nobody is there any more.
GIVE_UP_AFTER = timedelta(days=5)
GIVE_UP_ATTEMPTS = 10

_END = {
    Outbound.State.SENT: WebhookDelivery.State.DELIVERED,
    Outbound.State.FAILED: WebhookDelivery.State.FAILED,
    Outbound.State.UNCERTAIN: WebhookDelivery.State.FAILED,
    Outbound.State.CANCELLED: WebhookDelivery.State.WITHHELD,
}


@dataclass(frozen=True)
class Attempt:
    """What came of one post. ``status_code`` is None without an answer; ``paused_until``: how long the endpoint is left alone."""

    is_accepted: bool
    is_gone: bool
    status_code: int | None
    duration_ms: int
    excerpt: str
    error: str
    paused_until: datetime | None


@transaction.atomic
def note_attempt(*, delivery: WebhookDelivery, attempt: Attempt) -> None:
    """Write an attempt down. A failure lets the endpoint's other deliveries wait; 410, or days of failures, switch it off."""
    now = timezone.now()
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        attempts=F("attempts") + 1,
        status_code=attempt.status_code,
        duration_ms=attempt.duration_ms,
        excerpt=attempt.excerpt,
        error=attempt.error[:300],
        last_attempt_at=now,
    )
    endpoints = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if attempt.is_accepted:
        endpoints.update(failing_since=None, consecutive_failures=0, paused_until=None, last_delivered_at=now)
        return
    if attempt.is_gone:
        disable_webhook(
            endpoint=delivery.endpoint, reason=_("The receiver answered that it is gone for good (410).")
        )
        return
    if delivery.is_test:
        # Whoever tries an endpoint does not hold up what is under way.
        return
    endpoints.update(
        failing_since=Coalesce("failing_since", now),
        consecutive_failures=F("consecutive_failures") + 1,
        paused_until=attempt.paused_until,
    )
    endpoint = endpoints.get()
    if (
        endpoint.failing_since is not None
        and now - endpoint.failing_since >= GIVE_UP_AFTER
        and endpoint.consecutive_failures >= GIVE_UP_ATTEMPTS
    ):
        days = GIVE_UP_AFTER.days
        disable_webhook(endpoint=endpoint, reason=_("The receiver has accepted nothing for %d days.") % days)
    elif attempt.paused_until is not None:
        waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.PENDING)
        rows = Outbound.objects.filter(pk__in=waiting.values("outbound_id"))
        postpone_outbound(rows=rows, until=attempt.paused_until)


def note_end(*, outbound: Outbound) -> None:
    """Write on a delivery how its row of the outbox ended; in the transaction that ends it."""
    row = WebhookDelivery.objects.filter(message_id=outbound.payload["delivery"], outbound=outbound)
    row.update(
        state=_END[Outbound.State(outbound.state)],
        finished_at=timezone.now(),
        error=outbound.last_error[:300] if outbound.state != Outbound.State.SENT else "",
    )
