"""Signatures of outgoing webhooks as Standard Webhooks has them: ``webhook-id``, ``webhook-timestamp``,
``webhook-signature``. The receiver computes the same over ``id.timestamp.body`` and compares."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime


def signed_headers(
    *, key: bytes, message_id: str, at: datetime, body: bytes, other_keys: Sequence[bytes] = ()
) -> dict[str, str]:
    """Return the three headers for a body; the id stays the same when a message is sent again.

    ``other_keys`` are valid too (while a secret is being replaced): one signature each, and a receiver needs one that fits.
    """
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    digests = [hmac.new(one, signed, "sha256").digest() for one in (key, *other_keys)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests),
    }
