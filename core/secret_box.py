"""Secrets that must be read again (passwords for other people's servers), encrypted before they enter the database.

AES-128-CBC with an HMAC (Fernet) under a key derived from ``SECRET_KEY`` and the purpose of the secret, so that a text sealed for
one purpose opens for no other, and a copy of the database alone opens none. Keys in ``SECRET_KEY_FALLBACKS`` still open; what is
sealed anew is sealed under the present key.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

_SALT = "core.secret_box."


class CannotOpen(Exception):
    """The text was sealed under another key or purpose, or is damaged. The secret has to be entered again."""


def seal(secret: str, *, purpose: str) -> str:
    """Return a secret encrypted, as ASCII text of about 4/3 its length and 100 characters; never twice the same."""
    return _box(purpose).encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str, *, purpose: str) -> str:
    """Return the secret in a text that ``seal`` made for the same purpose. Raises CannotOpen."""
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeDecodeError) as error:
        raise CannotOpen(purpose) from error


def _box(purpose: str) -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_key(purpose, key)) for key in keys])


def _key(purpose: str, secret_key: str) -> bytes:
    digest = salted_hmac(_SALT + purpose, "key", secret=secret_key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest)
