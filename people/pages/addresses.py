"""The network address a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def network_address(request: HttpRequest) -> str:
    """Return the peer's address; behind a trusted proxy the one that proxy saw (the last of X-Forwarded-For)."""
    return address_behind(
        request.headers.get("X-Forwarded-For", ""), str(request.META.get("REMOTE_ADDR", ""))
    )


def address_behind(forwarded: str, peer: str) -> str:
    """The same from the header and the peer's address, for applications beside Django."""
    if settings.SECURE_PROXY_SSL_HEADER is not None:
        last = forwarded.rpartition(",")[2].strip()
        if last:
            return last
    return peer
