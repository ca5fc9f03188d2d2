"""The network address a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def network_address(request: HttpRequest) -> str:
    """Return the peer's address; behind a trusted proxy the one that proxy saw (the last of X-Forwarded-For)."""
    if settings.SECURE_PROXY_SSL_HEADER is not None:
        last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if last:
            return last
    return str(request.META.get("REMOTE_ADDR", ""))
