"""On which web pages the chat of an inbox works."""

from django.conf import settings

from tickets.channels.chat.settings import ChatSettings, origin_of
from tickets.connections import hooked_inbox
from tickets.models import Inbox


def chat_inbox(key: str) -> Inbox | None:
    """Return the active chat inbox behind the key in its address. No query while it is kept."""
    inbox = hooked_inbox(key)
    return inbox if inbox is not None and inbox.channel == "chat" else None


def may_ask(inbox: Inbox, origin: str) -> bool:
    """Say whether a page of ``origin`` may talk to the chat. A call without one comes from no page; its token decides."""
    if not origin:
        return True
    if origin == origin_of(str(settings.SITE_URL)):
        return True
    return any(_covers(one, origin) for one in ChatSettings.of(inbox.config).origins)


def cors_headers(origin: str) -> dict[str, str]:
    """Return what lets a page of an allowed origin read the answer. No cookies, ever."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Vary": "Origin",
        "Access-Control-Expose-Headers": "Retry-After",
    }


def preflight_headers(origin: str) -> dict[str, str]:
    """Return the answer to the question whether a page may ask at all."""
    return cors_headers(origin) | {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
        "Access-Control-Max-Age": "7200",
    }


def _covers(allowed: str, origin: str) -> bool:
    scheme, _colon, host = allowed.partition("://")
    if not host.startswith("*."):
        return allowed == origin
    asked_scheme, _colon, asked_host = origin.partition("://")
    return asked_scheme == scheme and asked_host.endswith(host[1:]) and len(asked_host) > len(host) - 1
