"""Posts deliveries of webhooks, and tries again as Standard Webhooks suggests.

A receiver that is down holds up nobody else: after a failure all its rows wait, and one of them finds out whether it is back.
So what is sent stays in the order of the events as long as pauses are short (``LONGEST_PAUSE``); after that a delivery that
fails alone is overtaken. Receivers put things in order by ``data.sequence``.
"""

import random
import re
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_noop

from core import guarded_http
from core.guarded_http import Answer, CallFailed, RefusedAddress
from core.models import Outbound
from core.outbox import PermanentFailure, Postponed, Sender, TemporaryFailure, Withheld
from core.webhook_signatures import signed_headers
from integrations.access import endpoint_viewer, signing_keys
from integrations.models import WebhookDelivery
from integrations.payload import NotVisible, body_of
from integrations.services.note_attempt import Attempt, note_attempt, note_end
from people.viewer import Viewer

# Pauses after the first, second … attempt; a delivery is given up after the last, three days later.
RETRY_SECONDS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
LONGEST_PAUSE = 1800
LONGEST_WAIT_ASKED_FOR = 86400
TOTAL_SECONDS = 15.0
GONE = 410
_UNREADABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+")


class WebhookSender(Sender):
    """Sends one delivery; any 2xx is success, a redirect is a failure, 410 switches the endpoint off."""

    key = "integrations.webhook"
    label: ClassVar[str] = gettext_noop("Webhook")

    def prepare(self, outbound: Outbound) -> Any:
        """Return (delivery, body, headers)."""
        delivery = (
            WebhookDelivery.objects.filter(message_id=outbound.payload["delivery"])
            .select_related("event__detail", "event__position", "endpoint__kept_by", "endpoint__kept_by_key")
            .first()
        )
        if delivery is None:
            raise Withheld("the webhook was deleted")
        endpoint = delivery.endpoint
        viewer = endpoint_viewer(endpoint)
        if delivery.is_test:
            viewer = Viewer(kind="webhook")
        elif not endpoint.is_active or viewer is None:
            raise Withheld("the webhook is switched off")
        elif (until := endpoint.waits_until) is not None:
            raise Postponed(until, "the receiver is down")
        try:
            body = body_of(delivery, viewer)
        except NotVisible:
            raise Withheld("the webhook may not be told of this any more") from None
        key, *others = signing_keys(endpoint)
        headers = {
            "content-type": "application/json",
            "user-agent": "CS-Ops-Webhook/1",
            **signed_headers(
                key=key, other_keys=others, message_id=delivery.message_id, at=timezone.now(), body=body
            ),
        }
        return delivery, body, headers

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Post it, write down what came back, and say when it is tried again."""
        delivery, body, headers = prepared
        began = time.monotonic()
        answer: Answer | None = None
        error = ""
        try:
            answer = guarded_http.call(
                delivery.endpoint.url, body=body, headers=headers, total_seconds=TOTAL_SECONDS
            )
        except (RefusedAddress, CallFailed) as failure:
            error = str(failure)
        is_accepted = answer is not None and 200 <= answer.status < 300
        if answer is not None and not is_accepted:
            error = f"the receiver answered {answer.status}"
        next_at = None if is_accepted else _next_at(outbound.attempts, answer)
        note_attempt(
            delivery=delivery,
            attempt=Attempt(
                is_accepted=is_accepted,
                is_gone=answer is not None and answer.status == GONE,
                status_code=None if answer is None else answer.status,
                duration_ms=int((time.monotonic() - began) * 1000),
                excerpt="" if answer is None else _excerpt(answer.body),
                error=error,
                paused_until=next_at and min(next_at, timezone.now() + timedelta(seconds=LONGEST_PAUSE)),
            ),
        )
        if is_accepted:
            return str(delivery.message_id)
        if next_at is None or delivery.is_test or (answer is not None and answer.status == GONE):
            raise PermanentFailure(error)
        raise TemporaryFailure(error, retry_at=next_at)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Sent again rather than asked about: the receiver knows a repetition by its id."""
        return False

    def settled(self, outbound: Outbound) -> None:
        """Write the end on the delivery."""
        note_end(outbound=outbound)


def _next_at(attempts: int, answer: Answer | None) -> datetime | None:
    """When a delivery that was tried so often is tried again; None when it is given up. A receiver may ask for longer."""
    if attempts > len(RETRY_SECONDS):
        return None
    # Up to a tenth more, so that many deliveries do not come back as one wave.
    seconds = RETRY_SECONDS[attempts - 1] * (1 + random.random() / 10)  # noqa: S311 - spreads, keeps no secret
    asked = 0.0 if answer is None else _asked_for(answer)
    return timezone.now() + timedelta(seconds=max(seconds, min(asked, LONGEST_WAIT_ASKED_FOR)))


def _asked_for(answer: Answer) -> float:
    """Seconds that a receiver wants to be left alone (``Retry-After``), 0 when it says nothing that can be read."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    return max(0.0, (moment - timezone.now()).total_seconds())


def _excerpt(body: bytes) -> str:
    """The beginning of an answer as one line of readable characters."""
    return " ".join(_UNREADABLE.sub(" ", body[:1200].decode("utf-8", "replace")).split())[:300]
