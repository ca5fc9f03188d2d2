"""The guard every page wears: a login, a permission, no copies in caches."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache

Page = TypeVar("Page", bound=Callable[..., HttpResponseBase])


def page(permission: str = "") -> Callable[[Page], Page]:
    """Decorate a page view: needs a login (else the login page, or 401 for htmx) and, when given, a permission (else 403).

    What a service refuses and the view does not show itself is said in a toast, or on a page of its own (422).
    The view carries ``page_permission``, by which the tests walk every page as every role.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if is_partial(request):
                    return HttpResponse(status=401)
                return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
            if permission:
                # people.middleware sets it; core does not know the class.
                request.viewer.require(permission)  # type: ignore[attr-defined]
            try:
                return view(request, *args, **kwargs)
            except ValidationError as refusal:
                return _refused(request, refusal)

        guarded.page_permission = permission  # type: ignore[attr-defined]
        return cast(Page, never_cache(guarded))

    return decorate


def _refused(request: HttpRequest, refusal: ValidationError) -> HttpResponse:
    """422 with the reason; for htmx the page keeps what it shows."""
    reason = " ".join(refusal.messages)
    if not is_partial(request):
        return render(request, "422.html", {"reason": reason}, status=422)
    trigger = json.dumps({"toast": {"text": reason, "tone": "bad"}})
    return HttpResponse(status=422, headers={"HX-Reswap": "none", "HX-Trigger": trigger})


def is_partial(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part of a page (not for a whole one, as the back button does)."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
