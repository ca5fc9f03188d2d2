"""The typed request of pages, and the guard every page wears."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase

from people.models import User
from people.viewer import Viewer


class StaffRequest(HttpRequest):
    """A request of a logged-in person."""

    user: User
    viewer: Viewer


Page = TypeVar("Page", bound=Callable[..., HttpResponseBase])


def page(permission: str = "") -> Callable[[Page], Page]:
    """Decorate a page view: needs a login and, when given, a permission (else 403)."""

    def decorate(view: Page) -> Page:
        @wraps(view)
        def guarded(request: StaffRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if permission:
                request.viewer.require(permission)
            return view(request, *args, **kwargs)

        return cast(Page, login_required(guarded))  # type: ignore[arg-type]

    return decorate
