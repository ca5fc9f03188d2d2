"""Origins of other sites: which may show a form in a frame or send to it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MOST_ORIGINS = 20
_LOCAL = {"localhost", "127.0.0.1", "[::1]"}


def clean_origins(typed: str | Iterable[str]) -> list[str]:
    """Return origins (``https://www.example.com``) without repetition, from lines or a list; raises ValidationError naming
    ``origins``. Plain http only for this machine."""
    lines = typed.splitlines() if isinstance(typed, str) else [str(one) for one in typed]
    found: dict[str, None] = {}
    for line in filter(None, (one.strip() for one in lines)):
        found[_origin(line)] = None
    if len(found) > MOST_ORIGINS:
        raise ValidationError({"origins": _("Name at most %d websites.") % MOST_ORIGINS})
    return list(found)


def _origin(text: str) -> str:
    refusal = ValidationError(
        {"origins": _("“%s” is no website's address like https://www.example.com.") % text[:80]}
    )
    try:
        parts = urlsplit(text.rstrip("/"))
        port = parts.port
    except ValueError:
        raise refusal from None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    if parts.scheme not in {"https", "http"} or not host or parts.path or parts.query or parts.fragment:
        raise refusal
    if parts.username is not None or not all(one.isalnum() or one in ".-:[]" for one in shown):
        raise refusal
    if not shown.isascii() or (parts.scheme == "http" and shown not in _LOCAL):
        raise refusal
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
