"""Puts the `Viewer` of the logged-in person on the request and shows times in the person's zone."""

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from people.models import User
from people.viewer import Viewer


def viewer_of(request: HttpRequest) -> Viewer:
    """Return the viewer behind a page request; a stranger has no permission at all."""
    user = request.user
    if isinstance(user, User):
        return user.as_viewer("page")
    return Viewer(kind="anonymous")


class ViewerMiddleware:
    """Adds ``request.viewer``, computed when first used, and activates the person's time zone for the response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Attach the viewer and go on."""
        request.viewer = SimpleLazyObject(lambda: viewer_of(request))  # type: ignore[attr-defined]
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not isinstance(request.user, User):
            return self.get_response(request)
        with timezone.override(_zone(request.user)):
            return self.get_response(request)


def _zone(user: User) -> ZoneInfo | None:
    """Return the person's zone; an unknown one shows the installation's."""
    try:
        return ZoneInfo(user.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return None
