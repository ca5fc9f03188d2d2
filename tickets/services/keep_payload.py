"""Keep a provider's call, raw, before anything reads it."""

import hashlib

from django.db import transaction
from django.utils import timezone

from core import nudge
from tickets.channel import HookRequest
from tickets.models import ChannelPayload, Inbox

# What reading may need besides the body. Signatures have done their work, cookies and addresses are nobody's business.
KEPT_HEADERS = ("content-encoding", "content-type", "user-agent")


@transaction.atomic
def keep_payload(*, inbox: Inbox, request: HookRequest, delivery_id: str = "") -> None:
    """Store a verified call: the same delivery (or, without an id, the same content) is one row.

    One statement; the workers are told after the commit.
    """
    name = delivery_id or hashlib.sha256(request.query.encode() + b"\n" + request.body).hexdigest()
    row = ChannelPayload(
        inbox=inbox,
        delivery_id=name[:100],
        method=request.method,
        query=request.query,
        headers={one: request.headers[one] for one in KEPT_HEADERS if one in request.headers},
        content_type=request.content_type[:200],
        body=request.body,
        received_at=timezone.now(),
        next_try_at=timezone.now(),
    )
    ChannelPayload.objects.bulk_create([row], ignore_conflicts=True)
    nudge.task_after_commit("tickets.take_payloads", queue="channels")
