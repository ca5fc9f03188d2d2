"""How an operation says that it will go: ``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594) on each of its answers."""

import functools
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

View = TypeVar("View", bound=Callable[..., Response])


def deprecated(*, since: date, sunset: date, successor: str = "") -> Callable[[View], View]:
    """Decorate a handler that answers until ``sunset``; ``successor`` is the address of what to use instead."""
    headers = {
        "Deprecation": f"@{int(_start_of(since).timestamp())}",
        "Sunset": http_date(_start_of(sunset).timestamp()),
    }
    if successor:
        headers["Link"] = f'<{successor}>; rel="successor-version"'

    def decorate(method: View) -> View:
        @functools.wraps(method)
        def wrapped(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
            # On the view, so that refusals carry them too.
            view.headers = {**view.headers, **headers}
            return method(view, request, *args, **kwargs)

        wrapped.is_deprecated = True  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return decorate


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
