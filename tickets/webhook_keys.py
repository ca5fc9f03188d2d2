"""Keys with which webhooks are signed: derived from the installation's secret and a token, stored nowhere."""

import base64

from django.utils.crypto import salted_hmac

_SALT = "tickets.webhook"


def signing_key(token: str) -> bytes:
    """Return the 32 bytes that sign what is sent for a token."""
    return salted_hmac(_SALT, token, algorithm="sha256").digest()


def signing_secret(token: str) -> str:
    """Return the key as the receiver enters it: ``whsec_`` and base64, as Standard Webhooks has it."""
    return "whsec_" + base64.b64encode(signing_key(token)).decode("ascii")
