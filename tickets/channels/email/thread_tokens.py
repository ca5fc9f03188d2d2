"""The two proofs that a mail belongs to a ticket: the signed reply address and the signed Message-ID.

Both name the ticket by its public reference and carry 80 bits of HMAC-SHA256 under a key derived from SECRET_KEY, in
letters that survive mail servers which ignore case. A reference without a valid signature proves nothing and is
treated as if it were not there. Old keys in SECRET_KEY_FALLBACKS are accepted, so a rotated key breaks no thread.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_ADDRESS_SALT = "tickets.email.reply-address"
_MESSAGE_SALT = "tickets.email.message-id"
_SIGNATURE_BYTES = 10
_REPLY_TAG = re.compile(r"\+r-(?P<reference>[a-z0-9]{1,40})-(?P<signature>[a-z2-7]{16})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(
    r"<csops\.(?P<reference>[a-z0-9]{1,40})\.(?P<number>[0-9]{1,19})\.(?P<signature>[a-z2-7]{16})@[^<>\s@]+>",
    re.IGNORECASE,
)


def reply_address(address: str, reference: str) -> str:
    """The inbox's address with a signed tag: ``support+r-<reference>-<signature>@example.com``."""
    local, _, domain = address.rpartition("@")
    key = reference.lower()
    return f"{local}+r-{key}-{_sign(_ADDRESS_SALT, key, settings.SECRET_KEY)}@{domain}"


def references_in_addresses(addresses: Iterable[str]) -> list[str]:
    """References of tickets whose reply address is among ``addresses`` with a valid signature, without repeats."""
    found = []
    for address in addresses:
        match = _REPLY_TAG.search(address)
        if match and _valid(_ADDRESS_SALT, match["reference"].lower(), match["signature"]):
            found.append(match["reference"].lower())
    return list(dict.fromkeys(found))


def make_message_id(reference: str, message_number: int, domain: str) -> str:
    """The Message-ID of an outgoing mail; the same message always gets the same id."""
    value = f"{reference.lower()}.{message_number}"
    return f"<csops.{value}.{_sign(_MESSAGE_SALT, value, settings.SECRET_KEY)}@{domain}>"


def read_message_id(message_id: str) -> tuple[str, int] | None:
    """(ticket reference, message number) of an id that we made, None for any other."""
    match = _MESSAGE_ID.fullmatch(message_id)
    if match is None:
        return None
    reference, number = match["reference"].lower(), int(match["number"])
    if not _valid(_MESSAGE_SALT, f"{reference}.{match['number']}", match["signature"]):
        return None
    return reference, number


def _sign(salt: str, value: str, secret: str | bytes) -> str:
    digest = salted_hmac(salt, value, secret=secret, algorithm="sha256").digest()[:_SIGNATURE_BYTES]
    return base64.b32encode(digest).decode().lower()


def _valid(salt: str, value: str, signature: str) -> bool:
    """Constant-time check against the current and the retired keys."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(_sign(salt, value, key), signature.lower()) for key in keys)
