"""Puts the `Viewer` of the logged-in person on the request."""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from people.models import User
from people.viewer import Viewer


def viewer_of(request: HttpRequest) -> Viewer:
    """Return the viewer behind a page request; a stranger has no permission at all."""
    user = request.user
    if isinstance(user, User) or (user.is_authenticated and user.pk is not None):
        return user.as_viewer("page")  # type: ignore[union-attr]
    return Viewer(kind="anonymous")


class ViewerMiddleware:
    """Adds ``request.viewer``, computed when first used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Attach the viewer and go on."""
        request.viewer = SimpleLazyObject(lambda: viewer_of(request))  # type: ignore[attr-defined]
        return self.get_response(request)
