"""How many requests each key and person has in a minute, and how answers tell it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # views import these classes while they are being loaded
    from rest_framework.views import APIView

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class RateState:
    """What is left of a window: ``limit`` and ``remaining`` requests, ``reset`` in seconds."""

    limit: int
    remaining: int
    reset: int


def default_limit() -> int:
    """Return the requests a minute that ``API_RATE`` gives a key that has no limit of its own."""
    number, _slash, unit = settings.API_RATE.partition("/")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit[:1] or "m"]
    return max(1, round(int(number) * WINDOW_SECONDS / seconds))


def limit_of(request: Request) -> int:
    """Return the requests a minute of who calls."""
    return getattr(request.auth, "requests_per_minute", None) or default_limit()


class ViewerRateThrottle(BaseThrottle):
    """Counts the requests of each key and person in windows of a minute; a key may have a limit of its own.

    The counter is in the cache: one for the whole installation with Redis, one per web process without.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request and say whether it is let in; what is left is noted for the headers of the answer."""
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        self.reset = max(1, int((window + 1) * WINDOW_SECONDS - now + 0.999))
        limit = limit_of(request)
        who = str(request.user) if request.user else self.get_ident(request)
        key = f"api_rate:{who}:{window}"
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        try:
            used = cache.incr(key)
        except ValueError:  # dropped by a full cache between the two
            used = 1
        state = RateState(limit, max(0, limit - used), self.reset)
        request._request.rate_state = state  # type: ignore[attr-defined]
        return used <= limit

    def wait(self) -> float:
        """Return the seconds until the next window, for ``Retry-After``."""
        return float(self.reset)


class RateHeadersMiddleware:
    """Puts ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` on each answer to a request that was counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer and add the headers."""
        response = self.get_response(request)
        state = getattr(request, "rate_state", None)
        if isinstance(state, RateState) and isinstance(response, HttpResponse):
            response["RateLimit-Limit"] = str(state.limit)
            response["RateLimit-Remaining"] = str(state.remaining)
            response["RateLimit-Reset"] = str(state.reset)
        return response
