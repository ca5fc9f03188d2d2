"""Keys with which webhooks are signed: derived from the installation's secret and a token, stored nowhere."""

import base64

from django.conf import settings
from django.utils.crypto import salted_hmac

_SALT = "tickets.webhook"


def signing_key(token: str) -> bytes:
    """Return the 32 bytes that sign what is sent for a token."""
    return salted_hmac(_SALT, token, algorithm="sha256").digest()


def former_signing_keys(token: str) -> list[bytes]:
    """Return the keys that a token had under the installation's former secrets (``SECRET_KEY_FALLBACKS``), newest first."""
    return [
        salted_hmac(_SALT, token, secret=secret, algorithm="sha256").digest()
        for secret in settings.SECRET_KEY_FALLBACKS
    ]


def signing_secret(token: str) -> str:
    """Return the key as the receiver enters it: ``whsec_`` and base64, as Standard Webhooks has it."""
    return "whsec_" + base64.b64encode(signing_key(token)).decode("ascii")
