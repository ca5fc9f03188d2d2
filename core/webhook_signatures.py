"""Signatures of outgoing webhooks as Standard Webhooks has them: ``webhook-id``, ``webhook-timestamp``,
``webhook-signature``. The receiver computes the same over ``id.timestamp.body`` and compares."""

import base64
import hmac
from datetime import datetime


def signed_headers(*, key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers for a body; the id stays the same when a message is sent again."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, "sha256").digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode("ascii"),
    }
